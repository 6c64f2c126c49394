import type { ConditionTable, MatterTable } from './types';

/** Women's, men's and sexual health, pregnancy, fertility, urology. */
export const womenMenConditions: ConditionTable = {
  pcos: {
    ar: [
      'تكيس المبايض|عدم انتظام الدورة',
      'تأخر الدورة الشهرية|شعر زائد في الوجه|زيادة في الوزن|غياب الدورة أكثر من شهرين',
      'مقاومة الإنسولين|اضطراب هرموني|زيادة الوزن|ارتفاع هرمون الحليب',
      'سونار للمبايض|تحليل هرمونات|تحليل هرمون الحليب',
      'إنقاص الوزن|منظم للدورة بوصفة|دواء لتحسين مقاومة الإنسولين',
      'ممارسة الرياضة|تقليل السكريات|متابعة طبيبة النساء',
    ],
    en: [
      'polycystic ovaries|irregular periods',
      'a late period|extra facial hair|weight gain|no period for over two months',
      'insulin resistance|a hormone imbalance|extra weight|high prolactin',
      'an ultrasound of the ovaries|a hormone test|a prolactin test',
      'weight loss|a prescribed cycle regulator|medicine that improves insulin resistance',
      'exercise|eat less sugar|see your gynaecologist',
    ],
  },
  vaginitis: {
    ar: [
      'الالتهابات المهبلية|الفطريات المهبلية',
      'إفرازات بيضاء مع حكة|رائحة كريهة للإفرازات|حرقة عند التبول|ألم أسفل البطن',
      'عدوى فطرية|اختلال البكتيريا النافعة|مضاد حيوي سابق',
      'مسحة مهبلية|تحليل بول',
      'تحاميل مهبلية بوصفة|علاج الزوج عند اللزوم|غسول لطيف خارجي فقط',
      'لبس ملابس قطنية|تجنب الدش المهبلي|تجفيف المنطقة جيدا',
    ],
    en: [
      'a vaginal infection|vaginal thrush',
      'white discharge with itching|discharge with a bad smell|burning with urine|lower belly pain',
      'a yeast infection|disturbed good bacteria|a recent antibiotic',
      'a vaginal swab|a urine test',
      'prescribed pessaries|treatment of the husband if needed|a mild outer wash only',
      'wear cotton|avoid douching|keep the area dry',
    ],
  },
  fibroid: {
    ar: [
      'الورم الليفي في الرحم|لحمية الرحم|نزيف رحمي',
      'غزارة الدورة مع تجلطات|نزيف بين الدورتين|ثقل أسفل البطن|نزيف بعد انقطاع الدورة',
      'اضطراب هرموني|استعداد عائلي|سماكة بطانة الرحم',
      'سونار للرحم|خزعة من بطانة الرحم|منظار رحمي',
      'دواء يقلل النزيف|استئصال الورم بالمنظار|عملية تنظيف الرحم|استئصال الرحم عند الضرورة',
      'متابعة نسبة الدم|مراجعة الطبيبة عند النزيف الشديد|عدم تأجيل الفحص بعد سن اليأس',
    ],
    en: [
      'a uterine fibroid|a uterine polyp|uterine bleeding',
      'heavy periods with clots|bleeding between periods|heaviness in the lower belly|bleeding after menopause',
      'a hormone imbalance|a family tendency|a thick uterine lining',
      'an ultrasound of the uterus|a biopsy of the lining|a hysteroscopy',
      'medicine that lowers bleeding|removal of the fibroid by keyhole surgery|a curettage|removal of the uterus',
      'follow the blood count|see the doctor if bleeding is heavy|do not delay tests after menopause',
    ],
  },
  ovariancyst: {
    ar: [
      'كيس على المبيض|بطانة الرحم المهاجرة|هبوط الرحم',
      'ألم في جهة المبيض|ألم شديد مع الدورة|شعور بهبوط في المهبل|ألم عند الجماع',
      'اضطراب التبويض|نمو البطانة خارج الرحم|ولادات متكررة',
      'سونار للحوض|رنين للحوض|دلالات أورام المبيض',
      'متابعة الكيس بعد الدورة|منظار البطن لاستئصال الكيس|عملية رفع الرحم',
      'مراجعة الطوارئ عند ألم مفاجئ|تمارين قاع الحوض|الراحة بعد عملية المنظار',
    ],
    en: [
      'an ovarian cyst|endometriosis|a prolapsed uterus',
      'pain on the side of the ovary|severe period pain|a feeling of something coming down|pain during intercourse',
      'disturbed ovulation|lining growing outside the uterus|many births',
      'a pelvic ultrasound|a pelvic MRI|ovarian tumour markers',
      'a check after the next period|keyhole surgery for the cyst|an operation to lift the uterus',
      'go to emergency care for sudden pain|do pelvic floor exercises|rest after keyhole surgery',
    ],
  },
  menopause: {
    ar: [
      'سن اليأس|انقطاع الطمث',
      'هبات ساخنة وتعرق ليلي|جفاف مهبلي|عصبية وتقلب مزاج|انقطاع الدورة بعد الخامسة والأربعين',
      'انخفاض هرمون الإستروجين|التقدم في العمر|استئصال المبيض',
      'تحليل هرمون FSH|قياس كثافة العظم',
      'علاج هرموني بتقييم الطبيبة|مرطب موضعي|كالسيوم وفيتامين د عند النقص',
      'المشي اليومي|تناول الألبان|فحص الثدي الدوري',
    ],
    en: [
      'menopause|the change of life',
      'hot flushes and night sweats|vaginal dryness|mood changes|no more periods after forty five',
      'low oestrogen|age|removal of the ovaries',
      'an FSH test|a bone density scan',
      'hormone treatment after an assessment|a local moisturiser|calcium and vitamin D if they are low',
      'walk every day|eat dairy foods|keep regular breast checks',
    ],
  },
  breast: {
    ar: [
      'كتلة في الثدي|ألم الثدي|تليف الثدي',
      'كتلة متحركة في الثدي|ألم الثدي قبل الدورة|إفراز من الحلمة|تورم تحت الإبط',
      'تغيرات هرمونية|ورم ليفي حميد|التهاب في الثدي المرضع',
      'سونار للثدي|ماموغرام|خزعة من الكتلة',
      'متابعة الكتلة الحميدة|استئصال الكتلة جراحيا|مسكن خفيف وحمالة داعمة',
      'فحص الثدي ذاتيا كل شهر|عدم إهمال أي كتلة|عمل الماموغرام الدوري',
    ],
    en: [
      'a breast lump|breast pain|fibrocystic breasts',
      'a lump that moves in the breast|breast pain before the period|nipple discharge|swelling in the armpit',
      'hormonal changes|a benign fibroadenoma|infection during nursing',
      'a breast ultrasound|a mammogram|a biopsy of the lump',
      'follow up of a benign lump|surgical removal|a mild painkiller and a good bra',
      'check your breasts every month|never ignore a lump|have regular mammograms',
    ],
  },
  pregnancy: {
    ar: [
      'أعراض الحمل|غثيان الحمل|نزول دم أثناء الحمل',
      'غثيان صباحي في الشهر الثاني|نزول نقط دم وأنا حامل|قلة حركة الجنين|ألم أسفل الظهر في الشهر الثامن',
      'هرمونات الحمل|التهاب البول|انغراس البويضة|نقص السوائل',
      'سونار للجنين|تحليل هرمون الحمل الرقمي|تحليل بول',
      'راحة ومثبت حمل برأي الطبيبة|وجبات صغيرة متكررة|حمض الفوليك والحديد',
      'مراجعة الطوارئ عند النزيف|عد حركات الجنين|عدم تناول دواء دون طبيبة',
    ],
    en: [
      'pregnancy symptoms|morning sickness|bleeding in pregnancy',
      'nausea in the second month|spotting while pregnant|fewer movements of the baby|back pain in the eighth month',
      'pregnancy hormones|a urine infection|implantation|too little fluid',
      'an ultrasound of the baby|a pregnancy hormone level|a urine test',
      'rest and medicine if the doctor advises|small frequent meals|folic acid and iron',
      'go to emergency care for bleeding|count the movements|take no medicine without your doctor',
    ],
  },
  delivery: {
    ar: [
      'الولادة القيصرية|علامات الولادة|النفاس',
      'طلق غير منتظم|نزول ماء الرأس|ألم جرح القيصرية|استمرار دم النفاس',
      'اقتراب موعد الولادة|وضع الجنين مقعدي|التهاب الجرح',
      'تخطيط قلب الجنين|فحص عنق الرحم|سونار',
      'ولادة طبيعية إن أمكن|عملية قيصرية|غيار الجرح ومضاد بوصفة',
      'التوجه إلى المستشفى عند نزول الماء|عدم حمل الأثقال|المباعدة بين الولادات',
    ],
    en: [
      'a caesarean section|signs of labour|the weeks after birth',
      'irregular contractions|breaking of the waters|pain in the caesarean wound|bleeding that goes on after birth',
      'the due date coming near|a breech baby|infection of the wound',
      'a tracing of the baby heart|an examination of the cervix|an ultrasound',
      'a natural birth where possible|a caesarean|wound dressing and a prescribed antibiotic',
      'go to the hospital when the waters break|lift nothing heavy|leave time between births',
    ],
  },
  miscarriage: {
    ar: [
      'الإجهاض|الحمل خارج الرحم|بقايا الحمل',
      'نزيف مع مغص في بداية الحمل|توقف نبض الجنين|ألم حاد في جانب واحد مع تأخر الدورة|استمرار النزيف بعد الإجهاض',
      'خلل في الكروموسومات|تشوهات الرحم|مشاكل تجلط',
      'متابعة هرمون الحمل|سونار مهبلي|تحليل الأجسام المضادة',
      'انتظار تحت المتابعة|عملية تنظيفات|علاج السيولة في الحمل القادم',
      'تأجيل الحمل عدة أشهر|تحليل أسباب الإجهاض المتكرر|مراجعة الطوارئ عند الدوخة والألم',
    ],
    en: [
      'a miscarriage|an ectopic pregnancy',
      'bleeding with cramps in early pregnancy|no heartbeat of the baby|sharp pain on one side with a late period',
      'a chromosome fault|a malformed uterus|clotting problems',
      'repeated hormone levels|a vaginal ultrasound|an antibody test',
      'watchful waiting|a curettage|blood thinners in the next pregnancy',
      'wait some months before the next pregnancy|look for causes if it repeats|seek help for dizziness and pain',
    ],
  },
  infertility: {
    ar: [
      'تأخر الحمل|ضعف التبويض|انسداد قناة فالوب',
      'تأخر الحمل بعد سنة من الزواج|ضعف الحيوانات المنوية|ضعف مخزون المبيض|عدم نزول البويضة',
      'ضعف التبويض|دوالي الخصية|انسداد القنوات|التقدم في العمر',
      'تحليل السائل المنوي|أشعة بالصبغة للرحم|تحليل مخزون المبيض AMH',
      'منشطات التبويض بمتابعة|تلقيح صناعي|أطفال الأنابيب',
      'فحص الزوجين معا|تحديد أيام التبويض|إنقاص الوزن',
    ],
    en: [
      'infertility|weak ovulation|a blocked tube',
      'no pregnancy after one year of marriage|weak sperm|a low ovarian reserve|no ovulation',
      'weak ovulation|a varicocele|blocked tubes|age',
      'a semen analysis|an x-ray of the uterus with dye|an AMH test',
      'ovulation medicine with follow up|insemination|in vitro fertilisation',
      'have both partners tested|find the fertile days|lose extra weight',
    ],
  },
  erectile: {
    ar: [
      'ضعف الانتصاب|سرعة القذف',
      'ضعف الانتصاب منذ الزواج|سرعة القذف|نقص الرغبة|عدم الثبات أثناء العلاقة',
      'القلق من الأداء|السكري وضغط الدم|التدخين|نقص هرمون الذكورة',
      'تحليل هرمون الذكورة|تحليل السكر والدهون|دوبلر للعضو',
      'علاج السبب|دواء بوصفة بعد فحص القلب|جلسات إرشاد زوجي',
      'ممارسة الرياضة|ترك التدخين|عدم استعمال أدوية دون فحص',
    ],
    en: [
      'weak erection|premature ejaculation',
      'weak erection since marriage|early ejaculation|low desire|loss of firmness',
      'performance anxiety|diabetes and high blood pressure|smoking|low testosterone',
      'a testosterone test|a sugar and fat test|a doppler study',
      'treatment of the cause|a prescribed medicine after a heart check|couple counselling',
      'exercise|stop smoking|take nothing without an examination',
    ],
  },
  intimacy: {
    ar: [
      'ألم العلاقة الزوجية|التشنج المهبلي|ضعف الرغبة عند الزوجة',
      'ألم عند الجماع في بداية الزواج|خوف وتشنج قبل العلاقة|عدم وصول الزوجة للمتعة|قلق ليلة الزواج',
      'القلق والخوف|جفاف المهبل|التهابات|نقص المعلومات',
      'فحص عند طبيبة نساء|تقييم نفسي جنسي',
      'إرشاد زوجي|مزلق طبي مائي|تمارين استرخاء الحوض',
      'الحوار مع الشريك|التدرج وعدم الاستعجال|علاج الالتهاب أولا',
    ],
    en: [
      'painful intercourse|vaginismus|low desire',
      'pain in the first weeks of marriage|fear and tightness before intimacy|no pleasure for the wife|worry',
      'fear|vaginal dryness|infection|lack of knowledge',
      'an examination by a gynaecologist|a sexual health assessment',
      'couple counselling|a water based lubricant|pelvic relaxation exercises',
      'talk with your partner|take it slowly|treat infection first',
    ],
  },
  sti: {
    ar: [
      'السيلان|الزهري|الهربس التناسلي|الثآليل التناسلية',
      'إفراز من مجرى البول بعد علاقة|قرحة غير مؤلمة على العضو|حبيبات مائية مؤلمة|زوائد لحمية في المنطقة التناسلية',
      'عدوى منقولة بالجنس|علاقة دون واق|عدوى من الشريك',
      'تحليل الزهري والإيدز|مسحة من مجرى البول|فحص الشريك',
      'مضاد حيوي يصفه الطبيب|مضاد فيروسي|كي الثآليل',
      'فحص الشريك وعلاجه|استعمال الواقي|الامتناع عن العلاقة حتى الشفاء',
    ],
    en: [
      'gonorrhoea|syphilis|genital herpes|genital warts',
      'discharge after contact|a painless sore|painful small blisters|fleshy growths in the genital area',
      'a sexually transmitted infection|unprotected contact|an infected partner',
      'a syphilis and HIV test|a urethral swab|a test of the partner',
      'a prescribed antibiotic|an antiviral|removal of warts',
      'have the partner treated|use protection|avoid contact until healed',
    ],
  },
  prostate: {
    ar: [
      'تضخم البروستات|التهاب البروستات',
      'ضعف تدفق البول|القيام للتبول ليلا عدة مرات|ألم في منطقة العجان|تقطع البول',
      'التقدم في العمر|عدوى بكتيرية|الجلوس الطويل',
      'تحليل PSA|سونار للبروستات والمثانة|تحليل بول وزراعة',
      'دواء مرخ للبروستات|مضاد حيوي طويل بوصفة|استئصال البروستات بالمنظار',
      'التقليل من القهوة|عدم حبس البول|مراجعة طبيب المسالك سنويا',
    ],
    en: [
      'an enlarged prostate|prostatitis',
      'a weak urine stream|getting up at night to urinate|pain in the perineum|interrupted urine',
      'age|a bacterial infection|long sitting',
      'a PSA test|an ultrasound of prostate and bladder|a urine culture',
      'medicine that relaxes the prostate|a long prescribed antibiotic|endoscopic resection',
      'drink less coffee|do not hold urine|see a urologist every year',
    ],
  },
  varicocele: {
    ar: [
      'دوالي الخصية|القيلة المائية|ألم الخصية',
      'ألم في الخصية اليسرى|ثقل في كيس الصفن عند الوقوف|تورم الخصية|صغر حجم خصية',
      'ضعف صمامات الأوردة|تجمع سائل حول الخصية|التهاب البربخ',
      'دوبلر للخصية|تحليل السائل المنوي|سونار للصفن',
      'ربط الدوالي بالميكروسكوب|سحب القيلة جراحيا|لبس داعم ومضاد التهاب',
      'عدم الوقوف الطويل|مراجعة الطوارئ عند ألم مفاجئ شديد|لبس ملابس داخلية داعمة',
    ],
    en: [
      'a varicocele|a hydrocele|testicular pain',
      'pain in the left testis|heaviness of the scrotum when standing|a swollen testis|one smaller testis',
      'weak vein valves|fluid around the testis|inflammation',
      'a doppler study of the testis|a semen analysis|an ultrasound',
      'microscopic surgery|surgical repair|support and anti-inflammatory medicine',
      'avoid long standing|go to emergency care for sudden severe pain|wear supportive underwear',
    ],
  },
  uti: {
    ar: [
      'التهاب المسالك البولية|التهاب المثانة|فرط نشاط المثانة',
      'حرقان في البول|كثرة التبول مع قليل من البول|رائحة قوية للبول|إلحاح بولي',
      'عدوى بكتيرية|قلة شرب الماء|حبس البول',
      'تحليل بول وزراعة|سونار للكلى والمثانة',
      'مضاد حيوي حسب الزراعة|فوار للبول|تدريب المثانة',
      'شرب الماء بكثرة|عدم حبس البول|التنظيف من الأمام إلى الخلف',
    ],
    en: [
      'a urinary infection|cystitis|an overactive bladder',
      'burning urine|frequent small amounts of urine|strong smelling urine|urgency',
      'a bacterial infection|drinking too little|holding urine',
      'a urine test and culture|an ultrasound of kidneys and bladder',
      'an antibiotic chosen by culture|an alkalising drink|bladder training',
      'drink plenty of water|do not hold urine|wipe from front to back',
    ],
  },
  kidneystone: {
    ar: [
      'حصى الكلى|المغص الكلوي|حصوة الحالب',
      'ألم حاد في الخاصرة|دم في البول|ألم يمتد إلى الخصية|رمل في البول مع غثيان',
      'قلة السوائل|كثرة الأملاح|حمض اليوريك|استعداد وراثي',
      'أشعة مقطعية للمسالك|سونار للكلى|تحليل أملاح البول',
      'شرب السوائل ومسكن|تفتيت الحصى بالموجات|منظار الحالب ودعامة',
      'شرب لترين من الماء|التقليل من الملح|تحليل الحصوة بعد نزولها',
    ],
    en: [
      'kidney stones|renal colic|a ureter stone',
      'sharp pain in the flank|blood in the urine|pain that runs to the groin|gravel in urine with nausea',
      'too little fluid|too much salt|uric acid|a family tendency',
      'a CT scan of the urinary tract|a kidney ultrasound|a urine salt test',
      'fluids and a painkiller|shock wave treatment|ureteroscopy with a stent',
      'drink two litres of water|eat less salt|have the stone analysed',
    ],
  },
};

export const womenMenMatters: MatterTable = {
  contraception: {
    ar: [
      'وسائل منع الحمل|حبوب منع الحمل|اللولب',
      'هل حبوب منع الحمل تزيد الوزن|نزل دم بعد تركيب اللولب فهل هذا طبيعي|متى يرجع التبويض بعد الحبوب' +
        '|ما أفضل مانع للحمل مع الرضاعة',
      'التنقيط في الأشهر الأولى من اللولب طبيعي|يعود التبويض بعد إيقاف الحبوب خلال أسابيع' +
        '|الحبوب أحادية الهرمون تناسب المرضع|الواقي يحمي من العدوى أيضا',
      'استشارة الطبيبة قبل البدء|أخذ الحبة في موعد ثابت|متابعة مكان اللولب بالسونار',
    ],
    en: [
      'contraception|birth control pills|the coil',
      'Do pills cause weight gain?|Is bleeding after a coil normal?|What suits a nursing mother?',
      'Ovulation returns within weeks after the pill|Spotting in the first months with a coil is normal' +
        '|Pills with one hormone suit nursing mothers',
      'ask your doctor before you start|take the pill at a fixed time|have the coil checked by ultrasound',
    ],
  },
  ivf: {
    ar: [
      'أطفال الأنابيب|الحقن المجهري|ترجيع الأجنة',
      'ما نسبة نجاح الحقن المجهري|متى أعمل تحليل الحمل بعد ترجيع الأجنة|هل نزول دم بعد الترجيع يعني الفشل' +
        '|كم جنينا يتم إرجاعه',
      'إرجاع جنين واحد يقلل حمل التوائم|نسبة النجاح تعتمد على عمر الزوجة' +
        '|يعمل تحليل الحمل بعد أسبوعين من الترجيع|نقط الدم البسيطة لا تعني الفشل',
      'الالتزام بالمثبتات|الراحة دون مبالغة|اختيار مركز موثوق',
    ],
    en: [
      'in vitro fertilisation|the transfer of embryos',
      'What is the success rate of IVF?|When do I test after the transfer?|Does spotting mean failure?',
      'Success depends on the age of the wife|The test is done two weeks after the transfer' +
        '|A little spotting does not mean failure',
      'take the support medicine|rest within reason|choose a trusted centre',
    ],
  },
  embryo: {
    ar: [
      'نمو الجنين|مراحل تكوين الجنين',
      'متى يظهر نبض الجنين|في أي أسبوع تتكون أعضاء الجنين|ما طول الجنين في الشهر الرابع|متى يتحدد جنس الجنين',
      'يظهر النبض حول الأسبوع السادس|تتكون الأعضاء الأساسية في الأشهر الثلاثة الأولى' +
        '|يتحدد الجنس عند الإخصاب ويرى بالسونار لاحقا|المشيمة تغذي الجنين',
      'متابعة السونار|تناول حمض الفوليك|الابتعاد عن الأشعة والأدوية الضارة',
    ],
    en: [
      'the growth of the embryo|the stages before birth',
      'When does the heartbeat appear?|In which week do the organs form?|When is the sex of the baby known?',
      'The heartbeat appears around week six|The main organs form in the first three months' +
        '|The placenta feeds the baby',
      'follow the ultrasound plan|take folic acid|avoid radiation and harmful medicine',
    ],
  },
  circumcision: {
    ar: [
      'الختان|عملية المسالك بالمنظار|القسطرة البولية',
      'متى يلتئم جرح الختان|كم تبقى دعامة الحالب|هل منظار المثانة مؤلم|متى تزال القسطرة بعد العملية' +
        '|هل يتأثر الانتصاب بعد عملية البروستات',
      'يلتئم جرح الختان خلال أسبوعين|تزال الدعامة بعد أسابيع في العيادة|تزال القسطرة بعد زوال الدم من البول' +
        '|حرقان البول بعد المنظار مؤقت',
      'شرب الماء بعد المنظار|تنظيف الجرح بمحلول ملحي|مراجعة الجراح عند الحرارة',
    ],
    en: [
      'circumcision|endoscopic urology|a urinary catheter',
      'When does a circumcision heal?|How long does the stent stay?|Is a cystoscopy painful?',
      'A circumcision heals within two weeks|The stent is removed in the clinic after some weeks' +
        '|Burning after endoscopy is temporary',
      'drink water after the procedure|clean the wound with saline|see the surgeon if fever appears',
    ],
  },
};
