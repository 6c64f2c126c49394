import type { ConditionTable, MatterTable } from './types';

/** Children, skin and beauty: shared by the paediatric and the dermatology classes. */
export const childSkinConditions: ConditionTable = {
  childfever: {
    ar: [
      'ارتفاع الحرارة عند الأطفال|عدوى فيروسية عند الطفل',
      'حرارة مرتفعة منذ الليل|قلة الرضاعة|خمول وبكاء|رجفة مع الحرارة',
      'عدوى فيروسية|التهاب الحلق|التهاب الأذن',
      'فحص الطفل عند الطبيب|تحليل دم وبول',
      'خافض حرارة يحدده الطبيب|سوائل كافية|كمادات ماء فاتر',
      'مراجعة الطوارئ عند حدوث تشنج|عدم إعطاء مضاد حيوي دون وصفة|تخفيف ملابس الطفل',
    ],
    en: [
      'fever in a child|a viral infection in a child',
      'a high temperature since last night|poor feeding|tiredness and crying|shivering with fever',
      'a viral infection|a sore throat|an ear infection',
      'an examination by a doctor|a blood and urine test',
      'a fever medicine chosen by the doctor|enough fluids|lukewarm compresses',
      'go to emergency care if a fit happens|give no antibiotic without a prescription|dress the child lightly',
    ],
  },
  colic: {
    ar: [
      'مغص الرضع|الارتجاع عند الرضيع',
      'بكاء مستمر في المساء|ترجيع الحليب بعد الرضاعة|غازات وشد الأرجل|إمساك عند الرضيع',
      'بلع الهواء أثناء الرضاعة|عدم نضج الأمعاء|حساسية حليب البقر',
      'متابعة وزن الرضيع|فحص البراز',
      'تجشئة الرضيع بعد كل رضعة|تدليك البطن|تغيير نوع الحليب برأي الطبيب',
      'رفع رأس الرضيع بعد الرضاعة|عدم إعطاء الأعشاب للرضيع|متابعة زيادة الوزن',
    ],
    en: [
      'infant colic|reflux in a baby',
      'crying every evening|milk coming back after feeds|gas and drawn up legs|constipation in a baby',
      'swallowed air|an immature bowel|cow milk allergy',
      'weight checks|a stool test',
      'burping after each feed|a gentle belly massage|a change of formula advised by the doctor',
      'keep the head raised after feeds|give no herbs to a baby|follow the weight',
    ],
  },
  croup: {
    ar: [
      'التهاب القصيبات عند الأطفال|كحة الأطفال|لحمية الأنف',
      'كحة مع بلغم عند الطفل|صفير في الصدر|شخير الطفل وانسداد أنفه|سرعة التنفس',
      'فيروس تنفسي|تضخم اللحمية|التعرض لدخان السجائر',
      'سماع صدر الطفل|صورة أشعة للصدر|قياس الأكسجين',
      'بخار ومحلول ملحي للأنف|موسع شعب بوصفة الطبيب|سوائل دافئة',
      'إبعاد الطفل عن الدخان|مراجعة الطوارئ عند صعوبة التنفس|رفع الوسادة أثناء النوم',
    ],
    en: [
      'bronchiolitis in a child|a cough in a child|large adenoids',
      'a wet cough in a child|a whistling chest|a child who snores with a blocked nose|fast breathing',
      'a respiratory virus|large adenoids|cigarette smoke at home',
      'listening to the chest|a chest x-ray|an oxygen reading',
      'steam and saline for the nose|a prescribed inhaler|warm fluids',
      'keep smoke away from the child|go to emergency care if breathing is hard|raise the pillow at night',
    ],
  },
  bedwetting: {
    ar: [
      'التبول الليلي|التبول اللاإرادي',
      'تبول أثناء النوم كل ليلة|رجوع التبول بعد ولادة أخ جديد|تسريب بول في النهار|نوم عميق',
      'تأخر نضج المثانة|الإمساك|القلق والغيرة',
      'تحليل بول|تحليل سكر',
      'تدريب المثانة|منبه التبول|علاج الإمساك',
      'عدم معاقبة الطفل|تقليل السوائل قبل النوم|مكافأة الليالي الجافة',
    ],
    en: [
      'bedwetting|wetting at night',
      'a wet bed every night|wetting again after a new baby came|leaking during the day|very deep sleep',
      'a slowly maturing bladder|constipation|worry and jealousy',
      'a urine test|a sugar test',
      'bladder training|a bedwetting alarm|treatment of constipation',
      'do not punish the child|give less to drink before bed|reward dry nights',
    ],
  },
  growth: {
    ar: [
      'قصر القامة|نقص الوزن عند الأطفال|ضعف الشهية عند الطفل',
      'طول أقل من أقرانه|رفض الطعام|تأخر المشي والتسنين|نقص وزن الطفل',
      'سوء التغذية|عامل وراثي|نقص هرمون النمو|نقص الحديد',
      'متابعة منحنى النمو|عمر العظم بالأشعة|تحليل الحديد وفيتامين د',
      'تحسين الغذاء|تعويض النقص بإشراف الطبيب|هرمون النمو عند ثبوت نقصه',
      'تقديم وجبات صغيرة متنوعة|تقليل الحليب بعد السنة|قياس الطول كل ستة أشهر',
    ],
    en: [
      'short stature|low weight in a child|poor appetite in a child',
      'a child shorter than others|refusing food|late walking and teething|low weight',
      'poor nutrition|a family trait|a lack of growth hormone|iron deficiency',
      'a growth chart|a bone age x-ray|an iron and vitamin D test',
      'better food|replacement of what is missing|growth hormone when a lack is proven',
      'offer small varied meals|give less milk after the first year|measure height every six months',
    ],
  },
  newborn: {
    ar: [
      'صفار المواليد|العناية بحديث الولادة',
      'اصفرار جلد المولود وعينيه|كثرة نوم المولود|سرة لم تسقط|احمرار مكان الحفاض',
      'عدم اكتمال عمل الكبد|اختلاف فصيلة الدم|قلة الرضاعة|رطوبة الحفاض',
      'قياس نسبة الصفار|فصيلة دم الأم والطفل',
      'العلاج الضوئي|زيادة عدد الرضعات|كريم الزنك للحفاض',
      'الرضاعة كل ساعتين|متابعة لون الجلد|تغيير الحفاض باستمرار',
    ],
    en: [
      'newborn jaundice|the care of a newborn',
      'yellow skin and eyes in a newborn|a very sleepy newborn|a cord that has not fallen|redness under the nappy',
      'a liver that is not mature yet|different blood groups|too little milk|a wet nappy',
      'a bilirubin level|the blood groups of mother and baby',
      'light therapy|more feeds|a zinc cream for the nappy area',
      'feed every two hours|watch the skin colour|change nappies often',
    ],
  },
  testis: {
    ar: [
      'الخصية المعلقة|الفتق الإربي عند الأطفال|تشوه مجرى البول',
      'عدم نزول خصية الطفل|انتفاخ في أعلى الفخذ عند البكاء|فتحة البول في غير مكانها|تورم كيس الصفن عند الرضيع',
      'عيب خلقي|عدم انغلاق القناة قبل الولادة|الولادة المبكرة',
      'فحص عند جراح الأطفال|سونار للخصية',
      'عملية إنزال الخصية|إصلاح الفتق جراحيا|إصلاح مجرى البول',
      'إجراء العملية قبل عمر سنتين|مراجعة الطوارئ إذا أصبح الانتفاخ مؤلما|عدم ختان الطفل قبل إصلاح المجرى',
    ],
    en: [
      'an undescended testis|a groin hernia in a child|hypospadias',
      'a testis that did not come down|a lump in the groin when crying|a misplaced urine opening' +
        '|a swollen scrotum in a baby',
      'a birth defect|a canal that did not close|early birth',
      'an examination by a paediatric surgeon|an ultrasound of the testis',
      'an operation to bring the testis down|surgical repair of the hernia|repair of the urine opening',
      'plan the operation before the age of two|go to emergency care if the lump hurts',
    ],
  },
  acne: {
    ar: [
      'حب الشباب|آثار الحبوب',
      'حبوب في الوجه والظهر|رؤوس سوداء على الأنف|آثار بنية بعد الحبوب|بشرة دهنية',
      'اضطراب الهرمونات|زيادة إفراز الدهون|كريمات تسد المسام',
      'فحص جلدي|تحليل هرمونات عند عدم انتظام الدورة',
      'غسول للبشرة الدهنية|كريم موضعي بوصفة|جلسات تقشير أو ليزر للآثار',
      'عدم عصر الحبوب|استعمال واقي الشمس|غسل الوجه مرتين في اليوم',
    ],
    en: [
      'acne|acne marks',
      'pimples on the face and back|blackheads on the nose|brown marks after pimples|oily skin',
      'hormonal changes|too much skin oil|creams that block the pores',
      'a skin examination|a hormone test if periods are irregular',
      'a wash for oily skin|a prescribed cream|peeling or laser sessions for marks',
      'do not squeeze pimples|use sunscreen|wash the face twice a day',
    ],
  },
  eczema: {
    ar: [
      'الأكزيما|التهاب الجلد التحسسي',
      'حكة وجفاف في ثنيات المرفق|احمرار وقشور على الجلد|تشقق اليدين|حكة تزيد ليلا',
      'حساسية الجلد|المنظفات القوية|الطقس الجاف|استعداد وراثي',
      'فحص جلدي|اختبار الحساسية',
      'مرطب للجلد عدة مرات|كورتيزون موضعي لفترة قصيرة|مضاد للحكة',
      'استعمال صابون لطيف|لبس القطن|الابتعاد عن الماء الساخن',
    ],
    en: [
      'eczema|allergic dermatitis',
      'itching and dryness in the elbow folds|red scaly skin|cracked hands|itching that is worse at night',
      'sensitive skin|strong soaps|dry weather|a family tendency',
      'a skin examination|an allergy test',
      'a moisturiser several times a day|a short course of a steroid cream|medicine against itching',
      'use a mild soap|wear cotton|avoid hot water',
    ],
  },
  psoriasis: {
    ar: [
      'الصدفية|البهاق|الحزاز',
      'بقع حمراء عليها قشور فضية|بقع بيضاء على اليدين والوجه|قشور سميكة في فروة الرأس|تغير شكل الأظافر',
      'اضطراب مناعي|عامل وراثي|التوتر النفسي',
      'فحص بمصباح خاص|خزعة من الجلد',
      'مراهم موضعية|علاج ضوئي|أدوية مناعية بوصفة أخصائي',
      'ترطيب الجلد باستمرار|تجنب جرح الجلد|المتابعة مع طبيب الجلدية',
    ],
    en: [
      'psoriasis|vitiligo|lichen planus',
      'red patches with silver scales|white patches on hands and face|thick scales on the scalp|changed nails',
      'an immune disorder|a genetic factor|stress',
      'an examination with a special lamp|a skin biopsy',
      'ointments|light therapy|immune medicine from a specialist',
      'moisturise the skin|avoid skin injuries|stay in touch with the dermatologist',
    ],
  },
  fungus: {
    ar: [
      'فطريات الجلد|الجرب|الثآليل',
      'حكة شديدة بين الأصابع|دائرة حمراء متقشرة|حكة ليلية عند كل أفراد البيت|زوائد خشنة على اليد',
      'رطوبة الجلد|العدوى من شخص آخر|مشاركة المناشف|ضعف المناعة',
      'كشط من الجلد|فحص جلدي',
      'كريم مضاد للفطريات|علاج كل أفراد البيت|كي الثؤلول أو تجميده',
      'تجفيف الجلد جيدا|غسل الملابس بماء ساخن|عدم مشاركة الأدوات الشخصية',
    ],
    en: [
      'a skin fungus|scabies|warts',
      'strong itching between the fingers|a red scaly ring|night itching in the whole family|rough growths on the hand',
      'damp skin|infection from another person|shared towels|weak immunity',
      'a skin scraping|a skin examination',
      'an antifungal cream|treatment of the whole household|freezing of the wart',
      'dry the skin well|wash clothes in hot water|do not share personal items',
    ],
  },
  hairloss: {
    ar: [
      'تساقط الشعر|الثعلبة|قشرة الرأس',
      'تساقط شعر كثيف عند الغسل|فراغات دائرية في الشعر|قشرة وحكة في الفروة|خفة شعر مقدمة الرأس',
      'نقص الحديد وفيتامين د|عامل وراثي|التوتر|اضطراب الغدة',
      'تحليل مخزون الحديد|تحليل الغدة وفيتامين د',
      'تعويض النقص الغذائي|بخاخ موضعي بوصفة|جلسات بلازما|شامبو طبي للقشرة',
      'التغذية المتوازنة|عدم شد الشعر|الابتعاد عن الصبغات القوية',
    ],
    en: [
      'hair loss|alopecia|dandruff',
      'much hair falling when washing|round bald patches|an itchy flaky scalp|thin hair at the front',
      'low iron and vitamin D|a family trait|stress|a thyroid disorder',
      'an iron store test|a thyroid and vitamin D test',
      'correction of what is missing|a prescribed lotion|plasma sessions|a medicated shampoo',
      'eat a balanced diet|do not pull the hair|avoid strong dyes',
    ],
  },
  melasma: {
    ar: [
      'الكلف|الهالات السوداء|اسمرار البشرة',
      'بقع بنية على الخدود|هالات تحت العين|اسمرار الركب والرقبة|تصبغات بعد الحمل',
      'التعرض للشمس|هرمونات الحمل|قلة النوم|فقر الدم',
      'فحص جلدي|تحليل الحديد',
      'كريم تفتيح بوصفة|تقشير سطحي|جلسات ليزر',
      'وضع واقي الشمس كل ثلاث ساعات|النوم الكافي|الابتعاد عن الخلطات المجهولة',
    ],
    en: [
      'melasma|dark circles|skin darkening',
      'brown patches on the cheeks|dark circles under the eyes|dark knees and neck|pigment after pregnancy',
      'sun exposure|pregnancy hormones|lack of sleep|anaemia',
      'a skin examination|an iron test',
      'a prescribed lightening cream|a light peel|laser sessions',
      'apply sunscreen every three hours|sleep enough|avoid unknown mixtures',
    ],
  },
  urticaria: {
    ar: [
      'الشرى|حساسية الطعام|الحساسية الموسمية',
      'طفح جلدي يظهر ويختفي|تورم الشفاه بعد الأكل|عطاس وحكة في العين في الربيع|حكة بعد تناول السمك أو البيض',
      'غبار الطلع|بعض الأطعمة|لدغ الحشرات|بعض الأدوية',
      'اختبار الجلد للحساسية|تحليل الأجسام المضادة IgE',
      'مضاد للهيستامين|الابتعاد عن المسبب|حقنة الطوارئ لمن لديه حساسية شديدة',
      'تدوين الأطعمة المسببة|مراجعة الطوارئ عند ضيق النفس|قراءة مكونات الطعام',
    ],
    en: [
      'hives|food allergy|seasonal allergy',
      'a rash that comes and goes|swollen lips after eating|sneezing and itchy eyes in spring' +
        '|itching after fish or egg',
      'pollen|certain foods|insect stings|certain medicines',
      'a skin prick test|an IgE blood test',
      'an antihistamine|avoiding the trigger|an emergency pen for severe allergy',
      'write down the foods that cause it|go to emergency care if breathing is hard|read food labels',
    ],
  },
};

export const childSkinMatters: MatterTable = {
  weaning: {
    ar: [
      'الرضاعة الطبيعية|فطام الطفل|إدخال الطعام للرضيع',
      'متى أبدأ إطعام رضيعي|كيف أزيد حليب الرضاعة|متى أعطي طفلي البيض|كم رضعة يحتاج طفل عمره شهران',
      'يبدأ الطعام المهروس عند عمر ستة أشهر|كثرة إرضاع الطفل تزيد الحليب|العسل ممنوع قبل السنة' +
        '|حليب الأم يكفي الرضيع في الأشهر الأولى',
      'إدخال صنف واحد كل عدة أيام|شرب الأم للسوائل|تجنب الملح والسكر في طعام الرضيع',
    ],
    en: [
      'breastfeeding|weaning|first foods for a baby',
      'When do I start solid food?|How can I make more milk?|When may my child eat eggs?',
      'Mashed food starts at six months|Frequent feeding makes more milk|Honey is not allowed in the first year',
      'introduce one food every few days|drink enough as a mother|leave salt and sugar out of baby food',
    ],
  },
  vaccine: {
    ar: [
      'التطعيمات|لقاح الأطفال|لقاح الإنفلونزا',
      'هل أعطي طفلي التطعيم وهو مزكوم|طفلي سخن بعد التطعيم فهل هذا طبيعي|ما فائدة لقاح الإنفلونزا' +
        '|نسيت جرعة التطعيم فماذا أفعل',
      'الزكام البسيط لا يمنع التطعيم|الحرارة الخفيفة بعد اللقاح طبيعية وتزول خلال يومين' +
        '|اللقاح يدرب جهاز المناعة على الجرثومة|يمكن استكمال الجرعات المتأخرة',
      'الاحتفاظ ببطاقة التطعيم|مراجعة المركز الصحي|وضع كمادة باردة مكان الإبرة',
    ],
    en: [
      'vaccination|childhood vaccines|the flu vaccine',
      'Can my child be vaccinated with a cold?|My child has fever after the vaccine, is it normal?' +
        '|What is the use of the flu vaccine?|We missed a dose, what now?',
      'A mild cold does not prevent vaccination|A light fever after a vaccine passes within two days' +
        '|A vaccine trains the immune system|Late doses can be completed',
      'keep the vaccination card|visit the health centre|put a cold pack on the spot',
    ],
  },
  skincare: {
    ar: [
      'العناية بالبشرة|الليزر لإزالة الشعر|واقي الشمس',
      'ما هو أفضل روتين للبشرة الجافة|هل ليزر إزالة الشعر آمن|كيف أشد بشرة الوجه|هل فيتامين سي مفيد للبشرة',
      'الترطيب وواقي الشمس أساس العناية|ليزر الشعر آمن عند الطبيب ويحتاج عدة جلسات|فيتامين سي يعطي نضارة' +
        '|التقشير القوي يضر البشرة الحساسة',
      'تنظيف البشرة بغسول لطيف|تجربة المنتج على جزء صغير|شرب الماء',
    ],
    en: [
      'skin care|laser hair removal|sunscreen',
      'What is the best routine for dry skin?|Is laser hair removal safe?|Is vitamin C good for the skin?',
      'Moisturiser and sunscreen are the base of skin care' +
        '|Laser hair removal is safe and needs several sessions|Vitamin C gives a fresh look' +
        '|Strong peeling harms sensitive skin',
      'wash with a mild cleanser|try a product on a small area|drink water',
    ],
  },
  filler: {
    ar: [
      'الفيلر والبوتوكس|شد الوجه',
      'كم يدوم الفيلر تحت العين|هل البوتوكس آمن لتجاعيد الجبهة|هل حقن الفيلر للشفاه تسبب تكتلات',
      'يدوم البوتوكس عدة أشهر ثم يزول أثره|الفيلر يذوب تدريجيا ويمكن إذابته|التورم البسيط بعد الحقن طبيعي',
      'اختيار طبيب مرخص|عدم تدليك مكان الحقن|تجنب الحرارة بعد الجلسة',
    ],
    en: [
      'fillers and botox|a face lift',
      'How long does filler last?|Is botox safe for forehead lines?|Can lip filler cause lumps?',
      'Filler dissolves slowly and can be removed|Botox lasts some months|A little swelling is normal',
      'choose a licensed doctor|do not rub the place|avoid heat after the session',
    ],
  },
  cosmeticop: {
    ar: [
      'تجميل الأنف|شفط الدهون|شد البطن|آثار الحروق والندبات',
      'متى يزول التورم بعد تجميل الأنف|هل ترجع الدهون بعد الشفط|هل يمكن إزالة ندبة قديمة|ما مخاطر عملية شد البطن' +
        '|هل عملية تصغير الثدي تمنع الرضاعة',
      'شفط الدهون ليس علاجا للسمنة|يزول أغلب تورم الأنف خلال أشهر|الندبة تتحسن ولا تختفي تماما' +
        '|يحتاج شد البطن فترة راحة ومشد',
      'مناقشة التوقعات مع الجراح|ترك التدخين قبل العملية|لبس المشد بعد الجراحة',
    ],
    en: [
      'nose surgery|liposuction|a tummy tuck|scars and burns',
      'When does the swelling go after nose surgery?|Does fat return after liposuction?|Can an old scar be removed?',
      'Most swelling of the nose goes within months|Liposuction is not a treatment for obesity' +
        '|A scar gets better but does not vanish',
      'discuss your hopes with the surgeon|stop smoking before surgery|wear the support garment',
    ],
  },
};
