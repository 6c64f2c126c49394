import type { MatterTable } from './types';

/** Medicines, laboratories, science and services: what the small classes ask about. */
export const scienceMatters: MatterTable = {
  antibiotic: {
    ar: [
      'المضاد الحيوي|مقاومة البكتيريا للمضادات',
      'هل أوقف المضاد الحيوي إذا تحسنت|هل المضاد الحيوي يعالج الزكام|هل المضاد الحيوي يسبب إسهالا' +
        '|ما معنى مقاومة المضاد',
      'يجب إكمال المضاد حسب الوصفة|المضاد لا يفيد في الفيروسات|قد يسبب المضاد اضطراب بكتيريا الأمعاء' +
        '|سوء الاستعمال يجعل البكتيريا مقاومة',
      'عدم استعمال المضاد دون وصفة|إخبار الطبيب عن الحساسية|تناول اللبن الزبادي',
    ],
    en: [
      'antibiotics|antibiotic resistance',
      'Do I stop the antibiotic when I feel better?|Does an antibiotic treat a cold?|Do antibiotics cause diarrhoea?',
      'Finish the antibiotic as prescribed|Antibiotics do not help against viruses|Misuse makes bacteria resistant',
      'use no antibiotic without a prescription|tell the doctor about allergies|eat yoghurt',
    ],
  },
  interaction: {
    ar: [
      'التداخلات الدوائية|الآثار الجانبية للأدوية|المسكنات',
      'هل يتعارض دواء الضغط مع المسكن|ما الآثار الجانبية للكورتيزون|هل أتناول الدواء قبل الأكل أو بعده' +
        '|نسيت جرعة الدواء فماذا أفعل|كيف أحفظ الدواء في الصيف',
      'بعض المسكنات ترفع الضغط وتؤذي المعدة|الكورتيزون الطويل يزيد الوزن والسكر|الجرعة المنسية لا تضاعف' +
        '|يحفظ الدواء في مكان بارد وجاف',
      'سؤال الصيدلي عن التداخل|قراءة النشرة|عدم تغيير الدواء دون طبيب',
    ],
    en: [
      'drug interactions|side effects of medicines|painkillers',
      'Does my pressure medicine clash with a painkiller?|What are the side effects of steroids?' +
        '|Do I take the tablet before or after food?|I missed a dose, what now?',
      'Some painkillers raise pressure and hurt the stomach|Long steroid use raises weight and sugar' +
        '|A missed dose is never doubled',
      'ask the pharmacist|read the leaflet|change nothing without a doctor',
    ],
  },
  herbs: {
    ar: [
      'الزنجبيل|الحبة السوداء|الحلبة|الميرمية',
      'ما فوائد الحلبة|هل الزنجبيل يرفع الضغط|هل اليانسون مفيد للمغص|هل تتعارض الأعشاب مع أدوية السيولة',
      'اليانسون يهدئ المعدة عند كثير من الناس|بعض الأعشاب يزيد سيولة الدم|الإكثار من الأعشاب قد يضر الكبد' +
        '|لا يوجد دليل كاف على كثير من الوصفات',
      'الاعتدال في الأعشاب|إخبار الطبيب عن كل عشبة|تجنب الأعشاب في الحمل',
    ],
    en: [
      'ginger|black seed|fenugreek|sage',
      'What are the benefits of fenugreek?|Does ginger raise pressure?|Is anise good for colic?',
      'Some herbs thin the blood|Too many herbs may harm the liver|Anise calms the stomach in many people',
      'use herbs in moderation|tell your doctor about herbs|avoid herbs in pregnancy',
    ],
  },
  alternative: {
    ar: [
      'الحجامة|الإبر الصينية|العلاج بالعسل|العلاج بالزيوت',
      'هل الحجامة مفيدة للصداع|هل الإبر الصينية تعالج الألم|هل العسل يعالج قرحة المعدة|هل الطب البديل يغني عن الدواء',
      'العسل غذاء ولا يغني عن العلاج|لا يجوز ترك الدواء الموصوف|قد تخفف الإبر الصينية بعض الآلام المزمنة' +
        '|الحجامة يجب أن تكون بأدوات معقمة',
      'اختيار معالج مرخص|عدم إيقاف الدواء|الحذر عند مرضى السيولة',
    ],
    en: [
      'cupping|acupuncture|treatment with honey|oils',
      'Is cupping good for headache?|Does acupuncture treat pain?|Can alternative medicine replace my tablets?',
      'Cupping needs sterile tools|Acupuncture may ease some long pains' +
        '|Honey is a food and no replacement for treatment',
      'choose a licensed therapist|do not stop your medicine|be careful with blood thinners',
    ],
  },
  labtest: {
    ar: [
      'تحليل الدم|نتيجة التحاليل|سرعة الترسيب',
      'ما معنى ارتفاع كريات الدم البيضاء|هل نتيجة تحليلي طبيعية|هل أصوم قبل تحليل الدهون|ما معنى ارتفاع سرعة الترسيب' +
        '|ما سبب وجود صديد في تحليل البول',
      'ارتفاع الترسيب يدل على التهاب غير محدد|تقارن النتيجة بالمعدل الطبيعي للمختبر|الصيام مطلوب لتحليل الدهون' +
        '|الصديد في البول يدل على التهاب',
      'إعادة التحليل في مختبر موثوق|عرض النتيجة على الطبيب|الصيام قبل سحب العينة',
    ],
    en: [
      'a blood test|laboratory results|the sedimentation rate',
      'What does a high white count mean?|Are my results normal?|Do I fast before a fat test?',
      'A result is compared with the range of the laboratory|A high sedimentation rate points to inflammation' +
        '|Pus in urine points to infection',
      'repeat the test in a good laboratory|show the result to a doctor|fast before the sample',
    ],
  },
  radiology: {
    ar: [
      'الرنين المغناطيسي|الأشعة المقطعية|السونار',
      'هل الأشعة المقطعية خطيرة|ما الفرق بين الرنين والأشعة المقطعية|هل صبغة الأشعة تضر الكلى' +
        '|ماذا يظهر في تقرير السونار',
      'السونار آمن للحامل|الرنين لا يستعمل أشعة مؤينة|الصبغة تحتاج كلى سليمة|كمية إشعاع الصورة العادية قليلة',
      'إخبار الفني عن الحمل|إحضار الصور القديمة|نزع المعادن قبل الرنين',
    ],
    en: [
      'an MRI|a CT scan|an ultrasound',
      'Is a CT scan dangerous?|What is the difference between MRI and CT?|Does the dye harm the kidneys?',
      'A plain x-ray gives little radiation|An MRI uses no ionising radiation|The dye needs healthy kidneys',
      'tell the staff about pregnancy|bring old images|remove metal before an MRI',
    ],
  },
  genetics: {
    ar: [
      'الأمراض الوراثية|زواج الأقارب|متلازمة داون',
      'هل ينتقل المرض لأولادي|أنا وابن عمي حاملان للثلاسيميا فهل نتزوج|ما نسبة إصابة الجنين|هل المرض متنح أو سائد',
      'الصفة السائدة تنتقل من أحد الوالدين|إذا كان الزوجان حاملين فنسبة الإصابة الربع في كل حمل' +
        '|التثلث في الكروموسوم الواحد والعشرين يسبب متلازمة داون|فحص ما قبل الزواج يكشف حامل المرض',
      'مراجعة عيادة الاستشارة الوراثية|عمل فحص ما قبل الزواج|رسم شجرة العائلة المرضية',
    ],
    en: [
      'inherited disease|marriage between cousins|Down syndrome',
      'Will my children get the disease?|We are both carriers, may we marry?|Is the disease recessive or dominant?',
      'If both parents are carriers a quarter of children are ill|A dominant trait comes from one parent' +
        '|An extra chromosome twenty one causes Down syndrome',
      'visit a genetic clinic|have a test before marriage|draw the family tree',
    ],
  },
  dna: {
    ar: [
      'الحمض النووي|الكروموسومات|الطفرات',
      'ما الفرق بين الجين والكروموسوم|كم عدد الكروموسومات في الخلية|ما هي الطفرة|كيف تنتقل صفة لون العين',
      'الجين جزء من الحمض النووي يحمل صفة|لون العين تحدده عدة جينات' +
        '|في خلية الإنسان ثلاثة وعشرون زوجا من الكروموسومات|الطفرة تغير في تسلسل الحمض النووي',
      'قراءة كتب علم الأحياء|سؤال مختص في الوراثة',
    ],
    en: [
      'DNA|chromosomes|mutations',
      'What is the difference between a gene and a chromosome?|How many chromosomes are in a cell?|What is a mutation?',
      'A gene is a part of the DNA that carries a trait|A human cell has twenty three pairs of chromosomes' +
        '|A mutation is a change in the sequence',
      'read a biology book|ask a geneticist',
    ],
  },
  defects: {
    ar: [
      'الشفة الأرنبية|ثقب القلب الخلقي|القدم الحنفاء|تشوهات الجنين',
      'ولد طفلي بثقب في القلب فهل يغلق|متى تجرى عملية الشفة الأرنبية|ما سبب تشوه الجنين|هل القدم الحنفاء تعالج بالجبس',
      'تعالج القدم الحنفاء بجبائر متتالية في الأسابيع الأولى|كثير من الثقوب الصغيرة يغلق وحده' +
        '|حمض الفوليك يقلل عيوب الأنبوب العصبي|تصلح الشفة في الأشهر الأولى',
      'متابعة طبيب قلب الأطفال|تناول حمض الفوليك قبل الحمل|عمل سونار تفصيلي',
    ],
    en: [
      'a cleft lip|a hole in the heart|a club foot|birth defects',
      'My baby has a hole in the heart, will it close?|When is a cleft lip repaired?|What causes birth defects?',
      'Many small holes close on their own|A club foot is treated with casts in the first weeks' +
        '|Folic acid lowers defects of the spine',
      'see a child heart doctor|take folic acid before pregnancy|have a detailed scan',
    ],
  },
  cell: {
    ar: [
      'الخلية|الميتوكندريا|انقسام الخلايا',
      'ما وظيفة الميتوكندريا|ما الفرق بين الخلية النباتية والحيوانية|كيف تنقسم الخلية|ما هي الأنسجة',
      'الميتوكندريا تنتج الطاقة في الخلية|الأنسجة مجموعة خلايا متشابهة|ينتج الانقسام خليتين متماثلتين' +
        '|الغشاء ينظم دخول المواد وخروجها',
      'مراجعة كتاب الأحياء|رسم الخلية للفهم',
    ],
    en: [
      'the cell|mitochondria|cell division',
      'What do mitochondria do?|How does a cell divide?|What is a tissue?',
      'Mitochondria make the energy of the cell|The membrane controls what enters and leaves' +
        '|A tissue is a group of similar cells',
      'review a biology book|draw the cell',
    ],
  },
  microbe: {
    ar: [
      'البكتيريا|الفيروسات|المزرعة',
      'ما الفرق بين البكتيريا والفيروس|ما معنى نمو بكتيريا في المزرعة|كيف تتكاثر البكتيريا|ما هي صبغة جرام',
      'الفيروس لا يتكاثر إلا داخل خلية|صبغة جرام تقسم البكتيريا إلى نوعين|المزرعة تحدد الجرثومة والدواء المناسب' +
        '|كثير من البكتيريا نافع للجسم',
      'غسل اليدين|أخذ العينة قبل المضاد|طهي الطعام جيدا',
    ],
    en: [
      'bacteria|viruses|a culture',
      'What is the difference between bacteria and viruses?|What does growth in a culture mean?|What is a Gram stain?',
      'A virus multiplies only inside a cell|A culture shows the germ and the right medicine' +
        '|The Gram stain divides bacteria into two kinds',
      'wash your hands|take the sample before an antibiotic|cook food well',
    ],
  },
  anatomy: {
    ar: [
      'موقع الأعضاء|عظام الجسم|تشريح القلب',
      'أين يقع الطحال|كم عدد عظام الإنسان|ما هي أجزاء القلب|في أي جهة تقع الزائدة',
      'يقع الطحال في أعلى يسار البطن|للقلب أربع حجرات|تقع الزائدة أسفل يمين البطن|في جسم البالغ مئتان وست عظام',
      'النظر في أطلس التشريح|سؤال مدرس المادة',
    ],
    en: [
      'the place of organs|the bones|the parts of the heart',
      'Where is the spleen?|How many bones are there?|What are the parts of the heart?',
      'The spleen lies in the upper left belly|An adult has two hundred and six bones|The heart has four chambers',
      'look at an atlas|ask your teacher',
    ],
  },
  physiology: {
    ar: [
      'وظائف الأعضاء|عمل الكلى|تنظيم حرارة الجسم',
      'كيف تنظف الكلية الدم|لماذا نتعرق|كيف ينتقل الأكسجين في الدم|كيف يحدث النبض',
      'الكلية ترشح الدم وتعيد الماء النافع|التعرق يبرد الجسم|الهيموغلوبين يحمل الأكسجين|تبدأ النبضة من عقدة في القلب',
      'قراءة كتاب في وظائف الأعضاء|شرب الماء في الحر',
    ],
    en: [
      'the work of organs|kidney function|body temperature',
      'How does the kidney clean the blood?|Why do we sweat?|How is oxygen carried?',
      'The kidney filters blood and returns useful water|Sweat cools the body|Haemoglobin carries oxygen',
      'read a physiology book|drink water in the heat',
    ],
  },
  pathology: {
    ar: [
      'تقرير الخزعة|الالتهاب المزمن|فحص الأنسجة',
      'ما معنى خلايا غير نمطية في التقرير|هل نتيجة الخزعة حميدة|كم تستغرق نتيجة فحص الأنسجة' +
        '|ما معنى التهاب مزمن في العينة',
      'الخلايا غير النمطية تحتاج متابعة ولا تعني سرطانا دائما|الورم الحميد لا ينتشر|تظهر نتيجة الأنسجة خلال أسبوع' +
        '|الالتهاب المزمن رد فعل طويل في النسيج',
      'عرض التقرير على الطبيب المعالج|إعادة قراءة الشرائح عند الشك',
    ],
    en: [
      'a biopsy report|chronic inflammation|tissue examination',
      'What do atypical cells in the report mean?|Is my biopsy benign?|How long does a tissue result take?',
      'Atypical cells need follow up and are not always cancer|A benign tumour does not spread' +
        '|A tissue result takes about a week',
      'show the report to your doctor|ask for a second reading if unsure',
    ],
  },
  anaesthesia: {
    ar: [
      'التخدير العام|التخدير النصفي|إبرة الظهر',
      'هل التخدير العام خطير على مريض الضغط|لماذا أصوم قبل العملية|هل إبرة الظهر تسبب ألما دائما|صداع بعد إبرة الظهر',
      'الصيام يمنع دخول الطعام إلى الرئة|صداع إبرة الظهر يتحسن بالراحة والسوائل|يراقب طبيب التخدير القلب والتنفس' +
        '|إبرة الظهر لا تسبب شللا في العادة',
      'إخبار طبيب التخدير عن الأدوية|ترك التدخين قبل العملية|الصيام حسب التعليمات',
    ],
    en: [
      'general anaesthesia|spinal anaesthesia',
      'Is general anaesthesia dangerous with high pressure?|Why do I fast before surgery?' +
        '|Why a headache after a spinal?',
      'The anaesthetist watches heart and breathing|Fasting keeps food out of the lungs' +
        '|The headache gets better with rest and fluids',
      'tell the anaesthetist about your medicines|stop smoking before surgery|fast as told',
    ],
  },
  poison: {
    ar: [
      'التسمم بالمنظفات|التسمم بالرصاص|استنشاق الغاز|جرعة زائدة',
      'طفلي شرب مادة منظفة فماذا أفعل|استنشقت رائحة الكلور|ما أعراض التسمم بالرصاص|أخذت دواء بالخطأ',
      'الرصاص يؤثر على الأعصاب والدم|لا ينصح بالتقيؤ بعد شرب المنظفات|لكل سم علاج مختلف في المستشفى' +
        '|الخروج إلى الهواء النقي أول خطوة',
      'الاتصال بمركز السموم|إحضار العبوة إلى الطوارئ|حفظ المنظفات بعيدا عن الأطفال',
    ],
    en: [
      'poisoning by cleaners|lead poisoning|gas inhalation|an overdose',
      'My child drank a cleaner, what do I do?|I breathed in bleach.|What are the signs of lead poisoning?',
      'Vomiting should not be forced after cleaners|Going to fresh air is the first step|Lead harms nerves and blood',
      'call the poison centre|bring the bottle to the hospital|keep cleaners away from children',
    ],
  },
  firstaid: {
    ar: [
      'الحروق|الجروح|الاختناق|لدغة الأفعى',
      'انسكب ماء ساخن على يدي|كيف أوقف نزيف الجرح|ما إسعاف من غص بالطعام|لدغتني عقرب فماذا أفعل|أغمي على زميلي',
      'يبرد الحرق بماء جار عدة دقائق|يضغط على الجرح بقماش نظيف|يضرب المختنق بين الكتفين ثم يضغط البطن' +
        '|يثبت الطرف الملدوغ ولا يشق الجلد',
      'الاتصال بالإسعاف|عدم وضع المعجون على الحرق|تثبيت المصاب وعدم نقله بعنف',
    ],
    en: [
      'burns|wounds|choking|a snake bite',
      'Hot water fell on my hand.|How do I stop a bleeding wound?|What is first aid for choking?|A scorpion stung me.',
      'A burn is cooled with running water|Press the wound with a clean cloth|Keep the bitten limb still',
      'call an ambulance|put no toothpaste on a burn|do not move the injured roughly',
    ],
  },
  service: {
    ar: [
      'حجز المواعيد|التقارير الطبية|التأمين الصحي',
      'كيف أحصل على تقرير طبي|أريد رقم طبيب جيد|هل يغطي التأمين العملية|كم تكلفة العملية|أين أجد عيادة متخصصة',
      'يطلب التقرير من السجلات الطبية في المستشفى|تختلف التكلفة بين المراكز|يحتاج التأمين موافقة مسبقة' +
        '|طبيب الأسرة يحولك إلى المختص',
      'الاتصال بالمستشفى|إحضار الأوراق السابقة|السؤال عن التغطية',
    ],
    en: [
      'appointments|medical reports|health insurance',
      'How do I get a medical report?|Where do I find a good clinic?|Does insurance cover the operation?',
      'Reports come from the medical records office|Costs differ between centres|Insurance needs approval first',
      'call the hospital|bring your papers|ask about cover',
    ],
  },
  chemistry: {
    ar: [
      'المعادلات الكيميائية|الأحماض والقواعد|تركيز المحاليل',
      'ما الفرق بين الحمض والقاعدة|ما هو الرقم الهيدروجيني|لماذا يتفاعل الكلور مع الأمونيا|كيف يحضر محلول مخفف',
      'الحمض يعطي البروتونات والقاعدة تأخذها|يضاف الحمض إلى الماء وليس العكس' +
        '|خلط الكلور مع الأمونيا ينتج غازا ساما|الماء النقي متعادل',
      'لبس القفازات في المعمل|عدم خلط المنظفات',
    ],
    en: [
      'chemical equations|acids and bases|solutions',
      'What is the difference between an acid and a base?|What is pH?|How is a solution diluted?',
      'An acid gives protons and a base takes them|Pure water is neutral|Acid is added to water, not the reverse',
      'wear gloves in the laboratory|do not mix cleaners',
    ],
  },
  biochem: {
    ar: [
      'الإنزيمات|البروتينات|استقلاب السكر',
      'كيف يعمل الإنزيم|ما الفرق بين البروتين والحمض الأميني|كيف يتحول السكر إلى طاقة|ما دور الدهون في الخلية',
      'الإنزيم يسرع التفاعل دون أن يستهلك|البروتين سلسلة من الأحماض الأمينية|يتحلل الغلوكوز ليعطي الطاقة' +
        '|الدهون تدخل في تركيب الغشاء',
      'مراجعة دروس الكيمياء الحيوية|رسم خطوات التفاعل',
    ],
    en: [
      'enzymes|proteins|sugar metabolism',
      'How does an enzyme work?|What is the difference between protein and amino acid?|How does sugar become energy?',
      'An enzyme speeds a reaction and is not used up|A protein is a chain of amino acids|Glucose is broken for energy',
      'review your biochemistry|draw the steps',
    ],
  },
  history: {
    ar: [
      'ابن سينا|تاريخ الجراحة|اكتشاف البنسلين|الرازي',
      'من أول من وصف الدورة الدموية الصغرى|متى اكتشف البنسلين|ماذا قدم الزهراوي للجراحة|من كتب القانون في الطب',
      'وصف ابن النفيس الدورة الدموية الصغرى|اكتشف فلمنغ البنسلين في القرن العشرين|ألف ابن سينا كتاب القانون' +
        '|ابتكر الزهراوي أدوات جراحية كثيرة',
      'قراءة كتب تاريخ الطب|زيارة متحف طبي',
    ],
    en: [
      'Avicenna|the history of surgery|the discovery of penicillin',
      'Who first described the lung circulation?|When was penicillin found?|Who wrote the Canon of Medicine?',
      'Ibn al-Nafis described the lung circulation|Fleming found penicillin in the twentieth century' +
        '|Avicenna wrote the Canon',
      'read books on the history of medicine|visit a museum',
    ],
  },
  fasting: {
    ar: [
      'الصيام مع المرض|الإفطار والسحور|الدواء في الصيام',
      'هل يستطيع مريض السكر الصيام|متى آخذ الدواء في الصيام|ما أفضل طعام للسحور|صداع آخر النهار وأنا صائم',
      'مريض السكر يسأل طبيبه قبل الصيام|توزع الأدوية بين الإفطار والسحور|السحور المتأخر يساعد على الصيام' +
        '|قلة الماء والقهوة تسبب الصداع',
      'شرب الماء بين الإفطار والسحور|قياس السكر أثناء الصوم|الإفطار عند هبوط السكر',
    ],
    en: [
      'fasting with illness|the meals before and after a fast|medicine during a fast',
      'Can a diabetic fast?|When do I take medicine during a fast?|Why a headache at the end of a fasting day?',
      'A diabetic asks the doctor before a fast|Medicines move to the two meals|Little water and coffee cause headache',
      'drink water at night|measure sugar while fasting|break the fast if sugar is low',
    ],
  },
  prevention: {
    ar: [
      'الفحص الدوري|الوقاية من الأمراض|غسل اليدين',
      'ما الفحوص الدورية بعد الأربعين|كيف أقي نفسي من العدوى|هل الماء المفلتر صحي|كم لترا أشرب في اليوم' +
        '|كيف أقي أسرتي من الأمراض',
      'غسل اليدين يمنع كثيرا من العدوى|يفحص الضغط والسكر والدهون بعد الأربعين|النوم والغذاء والحركة أساس الصحة' +
        '|الماء يزداد شربه في الحر',
      'عمل الفحص السنوي|تهوية البيت|تناول الخضار والفواكه',
    ],
    en: [
      'regular checks|prevention of disease|hand washing',
      'Which checks are needed after forty?|How do I protect myself from infection?|How much water should I drink?',
      'Pressure, sugar and fats are checked after forty|Hand washing prevents many infections' +
        '|Sleep, food and movement are the base of health',
      'have a yearly check|air the house|eat vegetables and fruit',
    ],
  },
  food: {
    ar: [
      'الغذاء المتوازن|السعرات الحرارية|زيادة الوزن للنحيف',
      'كيف أزيد وزني بشكل صحي|كم سعرة أحتاج في اليوم|ما غذاء مريض الكولسترول|هل الشوفان يخفف الوزن|هل التمر يرفع السكر',
      'الشوفان غني بالألياف ويشبع|الوجبات الصغيرة المتكررة تزيد الوزن|المكسرات النيئة مفيدة باعتدال' +
        '|التمر غني بالسكر والألياف',
      'مراجعة أخصائي تغذية|تقليل الدهون المشبعة|تناول الفطور',
    ],
    en: [
      'a balanced diet|calories|weight gain for thin people',
      'How do I gain weight in a healthy way?|How many calories do I need?|What food is good for cholesterol?',
      'Small frequent meals add weight|Oats are rich in fibre|Raw nuts are useful in moderation',
      'see a dietitian|eat less saturated fat|eat breakfast',
    ],
  },
  surgeryafter: {
    ar: [
      'جرح العملية|ما بعد الجراحة|كيس الشعر|خراج الجلد',
      'متى تفك خيوط الجرح|خروج سائل من جرح العملية|هل يعود كيس الشعر بعد الجراحة|كم يوما راحة بعد العملية' +
        '|هل الخراج يحتاج فتح جراحي',
      'تفك الخيوط غالبا بعد عشرة أيام|قد يعود كيس الشعر إن لم يعتن بالمكان|الخراج يفتح ويفرغ عند الجراح' +
        '|السائل القليل الصافي طبيعي في الأيام الأولى',
      'الغيار اليومي على الجرح|مراجعة الجراح عند الاحمرار والحرارة|عدم حمل الأثقال',
    ],
    en: [
      'a surgical wound|care after surgery|a pilonidal cyst|a skin abscess',
      'When are stitches removed?|Fluid comes from my wound.|Does a pilonidal cyst return?|How long should I rest?',
      'Stitches usually come out after ten days|A little clear fluid is normal at first' +
        '|An abscess is opened and drained',
      'change the dressing daily|see the surgeon for redness and fever|lift nothing heavy',
    ],
  },
  heartop: {
    ar: [
      'عملية القلب المفتوح|دعامة الشريان|تبديل الصمام',
      'متى أعود لعملي بعد القلب المفتوح|هل الدعامة تبقى مدى الحياة|ألم القص بعد العملية' +
        '|هل آخذ دواء السيولة بعد تبديل الصمام',
      'يلتئم عظم القص خلال شهرين إلى ثلاثة|الصمام المعدني يحتاج مسيلا دائما' +
        '|تمنع الدعامة انسداد الشريان مع الالتزام بالدواء|المشي التدريجي يساعد على التعافي',
      'متابعة عيادة القلب|عدم حمل الأثقال|الالتزام بدواء السيولة',
    ],
    en: [
      'open heart surgery|a stent|a new valve',
      'When can I work after open heart surgery?|Does a stent stay for life?|Chest bone pain after surgery.',
      'The chest bone heals in two to three months|A metal valve needs a blood thinner for life' +
        '|Slow walking helps recovery',
      'keep your heart clinic visits|lift nothing heavy|take the blood thinner',
    ],
  },
};
