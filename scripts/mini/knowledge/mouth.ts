import type { ConditionTable, MatterTable } from './types';

/** Teeth, gums, mouth and jaw: shared by five dental classes. */
export const mouthConditions: ConditionTable = {
  caries: {
    ar: [
      'تسوس الأسنان|نخر الضرس',
      'ألم في الضرس عند المضغ|حساسية السن من البارد والحلو|ثقب أسود في الضرس|ألم في السن ليلا',
      'تراكم بقايا الطعام|كثرة السكريات|إهمال تنظيف الأسنان',
      'صورة أشعة للسن|فحص الأسنان عند الطبيب',
      'حشوة للسن|تنظيف التسوس ثم الحشو|علاج العصب إذا وصل التسوس إليه',
      'تنظيف الأسنان مرتين يوميا|التقليل من الحلويات|استعمال خيط الأسنان',
    ],
    en: [
      'tooth decay|a dental cavity',
      'pain in a molar when chewing|a tooth that reacts to cold and sweets|a dark hole in a tooth|toothache at night',
      'food left between the teeth|a diet rich in sugar|poor brushing',
      'a dental x-ray|an examination by a dentist',
      'a filling|cleaning of the decay and a filling|root canal treatment if the decay is deep',
      'brush twice a day|cut down on sweets|use dental floss',
    ],
  },
  gingivitis: {
    ar: [
      'التهاب اللثة|نزيف اللثة',
      'نزيف اللثة عند التفريش|تورم واحمرار اللثة|تراجع اللثة عن الأسنان|حركة بسيطة في الأسنان',
      'تراكم الجير على الأسنان|طبقة البلاك|نقص العناية بالفم|التدخين',
      'فحص جيوب اللثة|صورة أشعة بانورامية',
      'إزالة الجير عند الطبيب|غسول فم مطهر|تنظيف عميق تحت اللثة',
      'تفريش الأسنان بلطف|مراجعة الطبيب كل ستة أشهر|ترك التدخين',
    ],
    en: [
      'gum disease|bleeding gums',
      'bleeding gums when brushing|swollen red gums|gums that pull away from the teeth|a slightly loose tooth',
      'tartar on the teeth|plaque|poor mouth care|smoking',
      'a check of the gum pockets|a panoramic x-ray',
      'removal of tartar|an antiseptic mouth rinse|deep cleaning below the gum',
      'brush gently|see the dentist every six months|stop smoking',
    ],
  },
  wisdom: {
    ar: [
      'ضرس العقل المطمور|التهاب حول ضرس العقل',
      'ألم خلف آخر ضرس|صعوبة في فتح الفم|تورم في الخد|ألم يمتد إلى الأذن',
      'عدم وجود مكان كاف لبزوغ الضرس|بزوغ الضرس بشكل مائل|تجمع الطعام حول الضرس',
      'صورة أشعة بانورامية|فحص عند جراح الفم',
      'خلع الضرس جراحيا|مضاد حيوي بوصفة الطبيب قبل الخلع|مضمضة بالماء والملح',
      'عدم تأجيل الخلع إذا تكرر الالتهاب|وضع كمادة باردة على الخد|تناول طعام لين',
    ],
    en: [
      'an impacted wisdom tooth|inflammation around a wisdom tooth',
      'pain behind the last molar|trouble opening the mouth|a swollen cheek|pain that spreads to the ear',
      'too little room for the tooth|a tooth growing at an angle|food trapped around the tooth',
      'a panoramic x-ray|an examination by an oral surgeon',
      'surgical removal of the tooth|an antibiotic prescribed before removal|rinsing with salt water',
      'do not delay removal if it comes back|put a cold pack on the cheek|eat soft food',
    ],
  },
  rootcanal: {
    ar: [
      'علاج عصب السن|التهاب لب السن',
      'ألم نابض في السن|ألم بعد حشو العصب|خراج صغير فوق السن|ألم عند الضغط على السن',
      'وصول التسوس إلى العصب|كسر في السن|حشوة قديمة عميقة',
      'صورة أشعة لجذر السن|اختبار حيوية العصب',
      'سحب العصب وحشو القنوات|إعادة حشو العصب|تركيب تاج على السن بعد العلاج',
      'استكمال جلسات العلاج|عدم المضغ على السن حتى التتويج|مراجعة الطبيب إذا عاد التورم',
    ],
    en: [
      'root canal treatment|inflammation of the tooth pulp',
      'throbbing tooth pain|pain after a root filling|a small abscess above a tooth|pain when pressing on the tooth',
      'decay that reached the nerve|a cracked tooth|an old deep filling',
      'an x-ray of the root|a test of the nerve',
      'removal of the nerve and a root filling|a repeated root filling|a crown after the treatment',
      'finish all the sessions|do not chew on that side until the crown is placed|return if the swelling comes back',
    ],
  },
  sensitivity: {
    ar: [
      'حساسية الأسنان|تآكل مينا الأسنان',
      'حساسية الأسنان من الماء البارد|وخز سريع في الأسنان الأمامية|صرير الأسنان أثناء النوم|اصفرار الأسنان',
      'التفريش العنيف|كثرة المشروبات الغازية|انكشاف جذور الأسنان',
      'فحص مينا الأسنان|فحص اللثة',
      'معجون خاص بالأسنان الحساسة|طلاء الفلورايد|واق ليلي للأسنان',
      'اختيار فرشاة ناعمة|الابتعاد عن المشروبات الحمضية|المضمضة بالماء بعد الأكل',
    ],
    en: [
      'sensitive teeth|worn tooth enamel',
      'teeth that hurt with cold water|a quick sting in the front teeth|grinding of the teeth at night|yellow teeth',
      'brushing too hard|many fizzy drinks|exposed roots',
      'a check of the enamel|a check of the gums',
      'a toothpaste for sensitive teeth|a fluoride varnish|a night guard',
      'choose a soft brush|stay away from acid drinks|rinse with water after meals',
    ],
  },
  mouthulcer: {
    ar: [
      'قرحة الفم|القلاع الفموي|تقرحات الفم',
      'تقرحات مؤلمة داخل الفم|بقعة بيضاء على اللسان|حرقة في اللسان|قرحة على باطن الشفة',
      'نقص فيتامين ب والحديد|التوتر|جرح من حافة سن حادة|ضعف المناعة',
      'تحليل الحديد وفيتامين ب12|مسحة من الفم',
      'جل موضعي للقرحة|غسول فم مطهر|مضاد فطريات موضعي',
      'الابتعاد عن الطعام الحار|مراجعة الطبيب إذا استمرت القرحة أكثر من أسبوعين|شرب الماء بكثرة',
    ],
    en: [
      'mouth ulcers|oral thrush',
      'painful sores inside the mouth|a white patch on the tongue|a burning tongue|a sore inside the lip',
      'lack of iron or vitamin B|stress|a sharp tooth edge|weak immunity',
      'an iron and vitamin B12 test|a mouth swab',
      'a gel for the sore|an antiseptic rinse|a local antifungal',
      'avoid spicy food|see a doctor if a sore lasts more than two weeks|drink plenty of water',
    ],
  },
  badbreath: {
    ar: [
      'رائحة الفم الكريهة|جفاف الفم',
      'رائحة فم مزعجة رغم التفريش|جفاف في الفم عند الاستيقاظ|طعم مر في الفم|طبقة بيضاء على اللسان',
      'بكتيريا سطح اللسان|جفاف الفم|التهاب اللثة|مشاكل المعدة أو الجيوب الأنفية',
      'فحص الفم واللثة|فحص جرثومة المعدة',
      'تنظيف اللسان يوميا|علاج اللثة والتسوس|غسول فم خال من الكحول',
      'شرب الماء بانتظام|تنظيف ما بين الأسنان|ترك التدخين',
    ],
    en: [
      'bad breath|a dry mouth',
      'an unpleasant breath despite brushing|a dry mouth on waking|a bitter taste in the mouth|a coated tongue',
      'bacteria on the tongue|a dry mouth|gum disease|stomach or sinus trouble',
      'a check of the mouth and gums|a stomach germ test',
      'daily cleaning of the tongue|treatment of gums and decay|a rinse without alcohol',
      'drink water regularly|clean between the teeth|stop smoking',
    ],
  },
  jawjoint: {
    ar: [
      'اضطراب مفصل الفك|خلع مفصل الفك',
      'طقطقة في مفصل الفك|ألم أمام الأذن عند المضغ|تعليق الفك عند فتح الفم|انحراف الفك',
      'الضغط على الأسنان|ضربة على الوجه|سوء إطباق الأسنان',
      'صورة أشعة لمفصل الفك|رنين مغناطيسي للمفصل',
      'جبيرة ليلية|تمارين للفك|جراحة تقويم الفك في الحالات الشديدة',
      'الابتعاد عن مضغ العلكة|وضع كمادات دافئة|تقطيع الطعام إلى قطع صغيرة',
    ],
    en: [
      'a jaw joint disorder|a dislocated jaw',
      'clicking in the jaw|pain in front of the ear when chewing|a jaw that locks|a jaw that moves to one side',
      'clenching of the teeth|a blow to the face|a bad bite',
      'an x-ray of the jaw joint|an MRI of the joint',
      'a night splint|jaw exercises|corrective jaw surgery in severe cases',
      'avoid chewing gum|use warm packs|cut food into small pieces',
    ],
  },
  jawcyst: {
    ar: [
      'كيس في الفك|كسر الفك|خراج الأسنان',
      'انتفاخ في عظم الفك|ألم شديد بعد خلع الضرس|تنميل في الشفة السفلى|خروج صديد من مكان الخلع',
      'التهاب مزمن في جذر السن|حادث أو سقوط|جفاف مكان الخلع',
      'صورة أشعة مقطعية للفك|صورة بانوراما',
      'استئصال الكيس جراحيا|تثبيت الفك|تنظيف مكان الخلع ووضع ضماد',
      'عدم المضمضة القوية بعد الخلع|الالتزام بالمضاد الذي يصفه الجراح|تناول السوائل والأطعمة اللينة',
    ],
    en: [
      'a jaw cyst|a broken jaw|a dental abscess',
      'swelling of the jaw bone|severe pain after an extraction|numbness of the lower lip|pus from the socket',
      'long lasting infection of a root|an accident or a fall|a dry socket',
      'a CT scan of the jaw|a panoramic x-ray',
      'surgical removal of the cyst|fixation of the jaw|cleaning and dressing of the socket',
      'do not rinse hard after an extraction|take what the surgeon prescribes|keep to fluids and soft food',
    ],
  },
};

export const mouthMatters: MatterTable = {
  whitening: {
    ar: [
      'تبييض الأسنان|القشور التجميلية|ابتسامة هوليوود',
      'هل تبييض الأسنان بالليزر يضر المينا|كم تدوم نتيجة تبييض الأسنان|ما الفرق بين القشور والتبييض' +
        '|هل الفحم يبيض الأسنان',
      'التبييض عند الطبيب آمن إذا كانت اللثة سليمة|قد تظهر حساسية مؤقتة بعد التبييض' +
        '|القشور تحتاج برد طبقة رقيقة من السن|الفحم يخدش المينا ولا ينصح به',
      'علاج التسوس قبل التبييض|الابتعاد عن القهوة والشاي بعد الجلسة|استشارة طبيب أسنان موثوق',
    ],
    en: [
      'tooth whitening|dental veneers',
      'Does laser whitening harm the enamel?|How long does whitening last?|What is better, veneers or whitening?',
      'Whitening by a dentist is safe when the gums are healthy|Some sensitivity is common for a few days' +
        '|Veneers need a thin layer of the tooth to be removed|Charcoal scratches the enamel',
      'treat decay before whitening|avoid coffee and tea after the session',
    ],
  },
  implant: {
    ar: [
      'زراعة الأسنان|التركيبات والجسور',
      'هل زراعة الأسنان مؤلمة|كم تستغرق زراعة السن حتى تركيب التاج|هل أركب جسرا أم زرعة بعد خلع الضرس' +
        '|هل يمكن الزراعة مع نقص عظم الفك',
      'الزرعة تحتاج عدة أشهر لتلتحم بالعظم|يجرى التخدير موضعيا والألم محتمل|نقص العظم يعالج بتطعيم عظمي' +
        '|الجسر أسرع لكنه يبرد الأسنان المجاورة',
      'عمل أشعة مقطعية للفك|ضبط السكر قبل الزراعة|العناية باللثة حول الزرعة',
    ],
    en: [
      'a dental implant|a bridge or crown',
      'Is a dental implant painful?|How long does an implant take?|Should I choose a bridge or an implant?',
      'It is done under local anaesthesia|An implant needs some months to join the bone' +
        '|A bone graft helps when the jaw bone is thin|A bridge is faster but the next teeth are ground down',
      'ask for a jaw scan|keep blood sugar under control|clean the gum around the implant well',
    ],
  },
  braces: {
    ar: [
      'تقويم الأسنان|ازدحام الأسنان',
      'ما العمر المناسب لتقويم الأسنان|هل يحتاج التقويم إلى خلع أسنان|كم مدة علاج تقويم الأسنان' +
        '|هل التقويم الشفاف يكفي لبروز الأسنان',
      'مدة العلاج تختلف بحسب شدة الازدحام|يبدأ التقويم غالبا بعد اكتمال الأسنان الدائمة' +
        '|المثبت ضروري بعد نزع التقويم|قد يخلع الطبيب بعض الضواحك لتوفير مكان',
      'تنظيف ما حول الأسلاك|عدم قضم الأطعمة القاسية|الالتزام بمواعيد شد التقويم',
    ],
    en: [
      'braces|crowded teeth',
      'What is the right age for braces?|Will I need teeth removed for braces?|Are clear aligners enough?',
      'Braces usually start when the permanent teeth are out|Some teeth may be removed to make room' +
        '|The length depends on how crowded the teeth are|A retainer is needed afterwards',
      'clean around the wires|avoid hard food|keep the appointments',
    ],
  },
  toothcare: {
    ar: [
      'العناية اليومية بالأسنان|فرشاة الأسنان والمعجون',
      'كم مرة يجب تفريش الأسنان في اليوم|هل الفرشاة الكهربائية أفضل|متى أبدأ تنظيف أسنان طفلي' +
        '|هل الخيط يوسع ما بين الأسنان',
      'التفريش مرتين يوميا لمدة دقيقتين كاف|تغير الفرشاة كل ثلاثة أشهر|الفلورايد يقوي المينا' +
        '|الخيط لا يوسع الأسنان بل يحمي اللثة',
      'زيارة طبيب الأسنان مرتين في السنة|تنظيف اللسان|تقليل السكريات بين الوجبات',
    ],
    en: [
      'daily tooth care|the toothbrush and paste',
      'How often should I brush?|Is an electric brush better?|When do I start cleaning the teeth of my baby?',
      'Two minutes twice a day is enough|Fluoride makes enamel stronger|Change the brush every three months' +
        '|Floss protects the gums and does not widen gaps',
      'see a dentist twice a year|clean the tongue|eat fewer sweets between meals',
    ],
  },
};
