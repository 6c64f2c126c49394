import type { ConditionTable, MatterTable } from './types';

/** Nerves, bones and joints, eyes, ears; and what surgeons and therapists do there. */
export const nerveSenseConditions: ConditionTable = {
  migraine: {
    ar: [
      'الصداع النصفي|صداع التوتر|الدوخة',
      'صداع نابض في جهة واحدة|غثيان مع الضوء|دوار عند تحريك الرأس|شد حول الرأس',
      'قلة النوم|التوتر|الجوع|اضطراب الأذن الداخلية',
      'فحص عصبي|رنين للدماغ عند اللزوم|قياس الضغط',
      'مسكن عند بداية النوبة|دواء وقائي بوصفة|مناورة لعلاج الدوار',
      'تدوين محفزات الصداع|تنظيم النوم|شرب الماء',
    ],
    en: [
      'migraine|tension headache|vertigo',
      'a throbbing one sided headache|nausea with light|spinning when moving the head|a band around the head',
      'lack of sleep|stress|hunger|an inner ear disorder',
      'a nerve examination|a brain MRI if needed|a pressure reading',
      'a painkiller at the start|prescribed preventive medicine|a manoeuvre for vertigo',
      'write down your triggers|sleep regularly|drink water',
    ],
  },
  epilepsy: {
    ar: [
      'الصرع|التشنجات',
      'نوبة تشنج مع فقدان وعي|شرود لثوان|رجفة في اليد أثناء النوم|عض اللسان',
      'شحنات كهربائية زائدة|إصابة قديمة في الرأس|ترك الدواء',
      'تخطيط الدماغ|رنين للدماغ|مستوى الدواء في الدم',
      'دواء للصرع بوصفة|تعديل العلاج مع طبيب الأعصاب|جراحة في حالات نادرة',
      'عدم السهر|عدم قيادة السيارة قبل استقرار الحالة|وضع المريض على جنبه أثناء النوبة',
    ],
    en: [
      'epilepsy|seizures',
      'a fit with loss of consciousness|blank moments|a jerking hand in sleep|a bitten tongue',
      'extra electrical activity|an old head injury|missed medicine',
      'a brain wave test|a brain MRI|a drug level',
      'prescribed epilepsy medicine|a change of treatment by a neurologist|surgery in rare cases',
      'avoid late nights|do not drive until stable|turn the patient on the side during a fit',
    ],
  },
  stroke: {
    ar: [
      'الجلطة الدماغية|نزيف الدماغ|ورم الدماغ',
      'ضعف مفاجئ في جهة من الجسم|ثقل في الكلام|انحراف الفم|صداع مع قيء وزغللة',
      'ارتفاع الضغط|تضيق شرايين الرقبة|رجفان القلب|كتلة داخل الجمجمة',
      'أشعة مقطعية للدماغ|رنين بالصبغة|دوبلر لشرايين الرقبة',
      'علاج عاجل في المستشفى|جراحة لسحب النزيف|استئصال الورم|تأهيل حركي',
      'التوجه إلى الطوارئ فورا|ضبط الضغط|البدء بالعلاج الطبيعي مبكرا',
    ],
    en: [
      'a stroke|bleeding in the brain|a brain tumour',
      'sudden weakness on one side|slurred speech|a drooping mouth|headache with vomiting and blurred sight',
      'high pressure|narrow neck arteries|an irregular heart|a mass in the skull',
      'a brain CT|an MRI with dye|a doppler of the neck',
      'urgent hospital care|surgery for the bleeding|removal of the tumour|rehabilitation',
      'go to emergency care at once|control the pressure|begin physiotherapy early',
    ],
  },
  neuropathy: {
    ar: [
      'التهاب الأعصاب الطرفية|العصب السابع|التصلب المتعدد',
      'تنميل في اليدين والقدمين|ضعف في نصف الوجه|حرقة في باطن القدم|ازدواج الرؤية',
      'السكري|نقص فيتامين ب12|التهاب فيروسي|خلل مناعي',
      'تخطيط الأعصاب|تحليل فيتامين ب12|رنين للدماغ',
      'علاج السبب|كورتيزون مبكر بوصفة|دواء لألم الأعصاب',
      'حماية العين في شلل الوجه|ضبط السكر|تمارين الوجه',
    ],
    en: [
      'nerve damage|facial palsy|multiple sclerosis',
      'tingling in hands and feet|weakness of half the face|burning soles|double vision',
      'diabetes|lack of vitamin B12|a viral inflammation|an immune fault',
      'a nerve study|a B12 test|a brain MRI',
      'treatment of the cause|early prescribed steroids|medicine for nerve pain',
      'protect the eye|control sugar|exercise the face',
    ],
  },
  memory: {
    ar: [
      'الزهايمر|مرض باركنسون|الشيخوخة',
      'نسيان الأحداث القريبة|رجفة اليد عند الراحة|بطء في المشي|تكرار السقوط',
      'ضمور خلايا الدماغ|نقص الدوبامين|كثرة الأدوية',
      'اختبار الذاكرة|رنين للدماغ|مراجعة أدوية المريض',
      'دواء يبطئ التدهور بوصفة|علاج طبيعي|دعم الأسرة',
      'تأمين البيت من السقوط|تثبيت مواعيد الدواء|تشجيع المريض على النشاط',
    ],
    en: [
      'dementia|Parkinson disease|old age',
      'forgetting recent events|a hand that trembles at rest|slow walking|repeated falls',
      'loss of brain cells|lack of dopamine|too many medicines',
      'a memory test|a brain MRI|a review of medicines',
      'prescribed medicine that slows the decline|physiotherapy|support of the family',
      'make the home safe from falls|fix the times of medicine|keep the person active',
    ],
  },
  disc: {
    ar: [
      'الانزلاق الغضروفي|عرق النسا|آلام أسفل الظهر',
      'ألم أسفل الظهر يمتد إلى الساق|تنميل في القدم|ألم الرقبة مع خدر في الذراع|تيبس الظهر صباحا',
      'حمل وزن ثقيل|الجلوس الخاطئ|ضعف عضلات الظهر|ضغط على العصب',
      'رنين للعمود الفقري|تخطيط الأعصاب|فحص سريري',
      'علاج طبيعي|مسكن ومرخ عضلي بوصفة|جراحة الغضروف عند الضعف الشديد',
      'تجنب الانحناء|تقوية عضلات البطن والظهر|مراجعة الطوارئ عند فقدان التحكم بالبول',
    ],
    en: [
      'a slipped disc|sciatica|low back pain',
      'back pain that runs down the leg|a numb foot|neck pain with a numb arm|a stiff back in the morning',
      'heavy lifting|a bad sitting position|weak back muscles|a pressed nerve',
      'a spine MRI|a nerve study|an examination',
      'physiotherapy|a prescribed painkiller and relaxant|disc surgery for severe weakness',
      'avoid bending|strengthen belly and back|seek emergency care if bladder control is lost',
    ],
  },
  knee: {
    ar: [
      'خشونة الركبة|تمزق الرباط الصليبي|إصابة الغضروف الهلالي',
      'ألم الركبة عند صعود الدرج|طقطقة في الركبة|تورم الركبة بعد لعب الكرة|عدم ثبات الركبة',
      'تآكل الغضروف|التواء أثناء الرياضة|زيادة الوزن',
      'صورة أشعة للركبة|رنين للركبة',
      'علاج طبيعي|حقن في المفصل|منظار الركبة|تبديل المفصل',
      'إنقاص الوزن|تقوية العضلة الأمامية|وضع الثلج بعد المجهود',
    ],
    en: [
      'knee arthritis|a torn cruciate ligament|a meniscus injury',
      'knee pain on stairs|clicking in the knee|a swollen knee after football|a knee that gives way',
      'worn cartilage|a twist during sport|extra weight',
      'a knee x-ray|a knee MRI',
      'physiotherapy|joint injections|arthroscopy|a joint replacement',
      'lose weight|strengthen the thigh|use ice after effort',
    ],
  },
  fracture: {
    ar: [
      'الكسور|خلع الكتف|تأخر التئام الكسر',
      'ألم وتورم بعد سقوط|ألم مكان الصفائح|عدم القدرة على تحريك الرسغ|تيبس بعد فك الجبس',
      'حادث سير|سقوط على اليد|هشاشة العظام',
      'صورة أشعة|أشعة مقطعية للكسر',
      'جبيرة جبسية|تثبيت بصفائح ومسامير|إزالة الصفائح لاحقا',
      'عدم تحميل الوزن مبكرا|تحريك الأصابع|العلاج الطبيعي بعد فك الجبس',
    ],
    en: [
      'a fracture|a dislocated shoulder|slow bone healing',
      'pain and swelling after a fall|pain around the plates|a wrist I cannot move|stiffness after the cast',
      'a road accident|a fall on the hand|weak bones',
      'an x-ray|a CT of the fracture',
      'a plaster cast|plates and screws|later removal of plates',
      'do not load it early|move the fingers|do physiotherapy after the cast',
    ],
  },
  arthritis: {
    ar: [
      'التهاب المفاصل الروماتويدي|النقرس|الذئبة الحمراء',
      'تيبس الأصابع صباحا|تورم إصبع القدم الكبير|ألم مفاصل متنقل|طفح على الخدين مع ألم مفاصل',
      'خلل مناعي|ارتفاع حمض اليوريك|عامل وراثي',
      'عامل الروماتويد|تحليل حمض اليوريك|سرعة الترسيب',
      'مضاد التهاب بوصفة|أدوية معدلة للمناعة|دواء خافض لحمض اليوريك',
      'تقليل اللحوم الحمراء|تحريك المفاصل بلطف|متابعة طبيب الروماتيزم',
    ],
    en: [
      'rheumatoid arthritis|gout|lupus',
      'stiff fingers in the morning|a swollen big toe|joint pain that moves|a cheek rash with joint pain',
      'an immune fault|high uric acid|a family trait',
      'a rheumatoid factor|a uric acid test|a sedimentation rate',
      'prescribed anti-inflammatory medicine|immune modifying medicine|medicine that lowers uric acid',
      'eat less red meat|move the joints gently|see a rheumatologist',
    ],
  },
  muscle: {
    ar: [
      'الشد العضلي|التهاب الأوتار|تيبس الكتف|ألم الكعب',
      'ألم العضلات بعد التمرين|ألم الكتف عند رفع الذراع|ألم الكعب عند أول خطوة|تشنج الساق ليلا',
      'إجهاد العضلة|عدم الإحماء|حذاء غير مناسب|نقص المعادن',
      'فحص سريري|سونار للأوتار',
      'راحة وثلج|تمارين إطالة|جلسات علاج طبيعي|موجات تصادمية',
      'الإحماء قبل الرياضة|التدرج في التمرين|اختيار حذاء مريح',
    ],
    en: [
      'a muscle strain|tendinitis|a frozen shoulder|heel pain',
      'sore muscles after training|shoulder pain when lifting the arm|heel pain at the first step|night leg cramps',
      'overuse|no warm up|unsuitable shoes|lack of minerals',
      'an examination|an ultrasound of the tendon',
      'rest and ice|stretching|physiotherapy|shock waves',
      'warm up before sport|increase slowly|choose comfortable shoes',
    ],
  },
  osteoporosis: {
    ar: [
      'هشاشة العظام|لين العظام',
      'آلام العظام وانحناء الظهر|كسر بعد سقطة بسيطة|ضعف نتيجة كثافة العظم|ألم الحوض عند المشي',
      'نقص فيتامين د|انقطاع الطمث|الكورتيزون|قلة الحركة',
      'قياس كثافة العظم|تحليل الكالسيوم وفيتامين د',
      'كالسيوم وفيتامين د بوصفة|دواء مقو للعظم|تمارين حمل الوزن',
      'الوقاية من السقوط|التعرض للشمس|تناول الألبان',
    ],
    en: [
      'osteoporosis|soft bones',
      'bone pain and a bent back|a fracture after a small fall|a low bone density|hip pain when walking',
      'lack of vitamin D|menopause|steroids|little movement',
      'a bone density scan|a calcium and vitamin D test',
      'prescribed calcium and vitamin D|bone medicine|weight bearing exercise',
      'prevent falls|get some sun|eat dairy foods',
    ],
  },
  sinus: {
    ar: [
      'التهاب الجيوب الأنفية|حساسية الأنف|انحراف الحاجز',
      'انسداد الأنف وصداع الجبهة|سيلان خلف الأنف|عطاس متكرر|ضعف الشم',
      'حساسية|عدوى فيروسية|انحراف الحاجز الأنفي|لحميات',
      'منظار الأنف|أشعة مقطعية للجيوب',
      'غسول ملحي للأنف|بخاخ كورتيزون بوصفة|عملية الجيوب بالمنظار',
      'الابتعاد عن الغبار|استنشاق البخار|عدم إطالة استعمال قطرات الأنف',
    ],
    en: [
      'sinusitis|nasal allergy|a bent septum',
      'a blocked nose with forehead pain|a drip behind the nose|repeated sneezing|poor smell',
      'allergy|a viral infection|a bent septum|polyps',
      'a nasal endoscopy|a sinus CT',
      'a saline rinse|a prescribed steroid spray|endoscopic sinus surgery',
      'avoid dust|breathe steam|do not use nose drops for long',
    ],
  },
  throat: {
    ar: [
      'التهاب اللوزتين|التهاب الحنجرة|بحة الصوت',
      'ألم عند البلع|بحة في الصوت|كتل بيضاء على اللوز|شعور بجسم في الحلق',
      'بكتيريا الحلق|فيروس|إجهاد الصوت|ارتجاع المعدة',
      'مسحة من الحلق|منظار الحنجرة',
      'غرغرة بالماء والملح|مضاد حيوي عند العدوى البكتيرية|استئصال اللوز عند التكرار',
      'إراحة الصوت|شرب السوائل الدافئة|ترك التدخين',
    ],
    en: [
      'tonsillitis|laryngitis|a hoarse voice',
      'pain when swallowing|a hoarse voice|white lumps on the tonsils|a feeling of something in the throat',
      'throat bacteria|a virus|overuse of the voice|reflux',
      'a throat swab|a laryngoscopy',
      'salt water gargle|an antibiotic for bacteria|removal of tonsils if it repeats',
      'rest the voice|drink warm fluids|stop smoking',
    ],
  },
  ear: {
    ar: [
      'التهاب الأذن الوسطى|طنين الأذن|ضعف السمع',
      'ألم الأذن مع سيلان|صفير مستمر في الأذن|انسداد الأذن بعد السباحة|ضعف سمع تدريجي',
      'شمع الأذن|عدوى بعد الزكام|ضجيج|ثقب الطبلة',
      'فحص الأذن بالمنظار|تخطيط السمع',
      'إزالة الشمع|قطرة بوصفة|سماعة طبية|ترقيع الطبلة',
      'عدم إدخال أعواد القطن|حماية الأذن من الماء|الابتعاد عن الأصوات العالية',
    ],
    en: [
      'a middle ear infection|ringing in the ear|hearing loss',
      'ear pain with discharge|constant ringing|a blocked ear after swimming|slow hearing loss',
      'ear wax|infection after a cold|noise|a hole in the drum',
      'an ear examination|a hearing test',
      'removal of wax|prescribed drops|a hearing aid|repair of the drum',
      'use no cotton sticks|keep the ear dry|avoid loud noise',
    ],
  },
  eyeinfection: {
    ar: [
      'التهاب ملتحمة العين|جفاف العين|حساسية العين',
      'احمرار العين مع إفرازات|حرقة وشعور بالرمل|حكة ودموع|التصاق الجفون صباحا',
      'عدوى|الجلوس أمام الشاشة|العدسات|الغبار',
      'فحص العين بالمصباح الشقي|اختبار الدموع',
      'قطرة مرطبة|قطرة مضاد بوصفة|كمادات باردة',
      'عدم فرك العين|غسل اليدين|إراحة العين من الشاشة',
    ],
    en: [
      'conjunctivitis|dry eyes|eye allergy',
      'a red eye with discharge|burning and grit|itching and tears|stuck lids in the morning',
      'infection|long screen time|contact lenses|dust',
      'a slit lamp examination|a tear test',
      'lubricating drops|prescribed antibiotic drops|cold packs',
      'do not rub the eye|wash your hands|rest from screens',
    ],
  },
  cataract: {
    ar: [
      'المياه البيضاء|المياه الزرقاء|اعتلال الشبكية',
      'ضبابية تدريجية في النظر|ارتفاع ضغط العين|نقط سوداء تتحرك|ضعف النظر ليلا',
      'التقدم في العمر|السكري|وراثة|إصابة العين',
      'قياس ضغط العين|فحص قاع العين|مجال الإبصار',
      'عملية سحب المياه البيضاء|قطرة خافضة للضغط بوصفة|ليزر للشبكية',
      'متابعة ضغط العين|ضبط السكر|مراجعة الطوارئ عند ومضات مفاجئة',
    ],
    en: [
      'a cataract|glaucoma|retinal disease',
      'slowly clouding sight|high eye pressure|moving black spots|poor night sight',
      'age|diabetes|heredity|an eye injury',
      'an eye pressure reading|a retina examination|a visual field',
      'cataract surgery|prescribed pressure drops|laser for the retina',
      'follow the eye pressure|control sugar|seek emergency care for sudden flashes',
    ],
  },
};

export const nerveSenseMatters: MatterTable = {
  glasses: {
    ar: [
      'النظارات الطبية|العدسات اللاصقة|قصر النظر|الليزك',
      'هل النظارة تضعف النظر|ما معنى انحراف النظر|متى يمكن عمل الليزك|هل النوم بالعدسات مضر' +
        '|لماذا أرى بعيدا بشكل ضبابي',
      'النظارة لا تضعف النظر|الانحراف سببه اختلاف تحدب القرنية|يشترط ثبات النظر سنة قبل الليزك' +
        '|النوم بالعدسات قد يسبب التهاب القرنية',
      'فحص النظر سنويا|تنظيف العدسات بمحلولها|النظر بعيدا كل عشرين دقيقة',
    ],
    en: [
      'glasses|contact lenses|short sight|laser eye surgery',
      'Do glasses weaken the eyes?|What does astigmatism mean?|When is laser possible?|Is it bad to sleep in lenses?',
      'Glasses do not weaken the eyes|Astigmatism comes from an uneven cornea' +
        '|Sight must be stable for a year before laser|Sleeping in lenses can inflame the cornea',
      'test your sight every year|clean lenses with their solution|look far away every twenty minutes',
    ],
  },
  physio: {
    ar: [
      'جلسات العلاج الطبيعي|التأهيل بعد الإصابة',
      'كم جلسة علاج طبيعي أحتاج|هل التمارين تغني عن العملية|ما تمارين الرقبة المناسبة|متى أبدأ الحركة بعد الجراحة',
      'التمارين المنتظمة تقوي العضلات حول المفصل|يبدأ التأهيل عادة بعد أيام من الجراحة' +
        '|الكمادات الدافئة ترخي العضلة قبل التمرين|الألم الشديد علامة للتوقف',
      'الالتزام بالتمارين في البيت|تصحيح وضعية الجلوس|التدرج في الحركة',
    ],
    en: [
      'physiotherapy|rehabilitation after an injury',
      'How many sessions do I need?|Can exercise replace surgery?|When do I start to move after surgery?',
      'Regular exercise strengthens the muscles around a joint|Rehabilitation starts some days after surgery' +
        '|Severe pain is a sign to stop',
      'do the exercises at home|correct your sitting|move step by step',
    ],
  },
  fitness: {
    ar: [
      'كمال الأجسام|التمارين الرياضية|المكملات الرياضية',
      'ما أفضل وقت للرياضة|هل البروتين يضر الكلى|كيف أبني العضلات دون مكملات|هل الحديد يوقف الطول' +
        '|كم ساعة أمشي يوميا',
      'المشي نصف ساعة يوميا مفيد للقلب|البروتين آمن لمن كليته سليمة|العضلات تنمو أثناء الراحة' +
        '|تمارين المقاومة لا توقف الطول',
      'شرب الماء أثناء التمرين|النوم الكافي|الابتعاد عن الهرمونات',
    ],
    en: [
      'body building|exercise|sport supplements',
      'What is the best time for sport?|Does protein harm the kidneys?|How do I build muscle without supplements?',
      'Half an hour of walking is good for the heart|Protein is safe for healthy kidneys|Muscles grow during rest',
      'drink water while training|sleep enough|stay away from hormones',
    ],
  },
  spineop: {
    ar: [
      'جراحة العمود الفقري|جراحة الدماغ|استسقاء الدماغ',
      'ما نسبة نجاح عملية الديسك|هل تثبيت الفقرات يمنع الحركة|متى يعود المريض لعمله بعد جراحة الدماغ' +
        '|هل صمام الدماغ يبقى مدى الحياة',
      'تنجح أغلب عمليات الديسك في تخفيف ألم الساق|التثبيت يحد من حركة جزء صغير من الظهر' +
        '|يعود المريض لعمله بعد عدة أسابيع حسب حالته|الصمام يصرف السائل الزائد إلى البطن',
      'الالتزام بالراحة بعد العملية|العلاج الطبيعي بإشراف|مراجعة الجراح عند الحرارة والصداع',
    ],
    en: [
      'spine surgery|brain surgery|water on the brain',
      'What is the success rate of disc surgery?|Does fusion stop movement?|When can a patient work again?',
      'Most disc operations relieve the leg pain|Fusion limits only a small part of the back' +
        '|A shunt drains extra fluid to the belly',
      'rest after surgery|have supervised physiotherapy|see the surgeon for fever and headache',
    ],
  },
};
