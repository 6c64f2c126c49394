import type { ConditionTable, MatterTable } from './types';

/** Mind, behaviour and addiction: shared by the mental-health classes. */
export const mindConditions: ConditionTable = {
  depression: {
    ar: [
      'الاكتئاب|نوبة اكتئاب',
      'حزن مستمر بلا سبب|فقدان الرغبة في كل شيء|بكاء متكرر|شعور بالذنب وعدم القيمة|قلة النوم والشهية',
      'ضغوط الحياة|استعداد وراثي|فقدان شخص عزيز|تغير كيمياء الدماغ',
      'مقابلة مع طبيب نفسي|مقياس الاكتئاب|فحص الغدة الدرقية',
      'العلاج المعرفي السلوكي|مضاد اكتئاب يصفه الطبيب|جلسات دعم نفسي',
      'الحديث مع شخص قريب|ممارسة المشي يوميا|طلب المساعدة فورا عند ورود أفكار مؤذية',
    ],
    en: [
      'depression|a depressive episode',
      'sadness without a reason|no interest in anything|frequent crying|feelings of guilt|poor sleep and appetite',
      'the pressure of life|a family tendency|the loss of someone dear|a change in brain chemistry',
      'a talk with a psychiatrist|a depression questionnaire|a thyroid test',
      'cognitive behavioural therapy|an antidepressant chosen by a doctor|supportive sessions',
      'talk to someone you trust|walk every day|ask for help at once if harmful thoughts appear',
    ],
  },
  panic: {
    ar: [
      'القلق العام|نوبات الهلع',
      'خوف مفاجئ وخفقان|ضيق نفس مع رجفة|تفكير زائد قبل النوم|خوف من الموت|توتر مستمر في العضلات',
      'ضغط نفسي طويل|كثرة المنبهات|تجارب مخيفة سابقة',
      'تخطيط القلب لاستبعاد سبب عضوي|تقييم نفسي|تحليل الغدة الدرقية',
      'تمارين التنفس والاسترخاء|العلاج المعرفي السلوكي|دواء مضاد للقلق بإشراف طبيب',
      'التقليل من القهوة|تنظيم النوم|مواجهة المواقف بالتدريج',
    ],
    en: [
      'general anxiety|panic attacks',
      'sudden fear with a racing heart|short breath and trembling|too many thoughts before sleep|fear of dying',
      'long stress|too much caffeine|frightening past events',
      'a heart tracing to rule out other causes|a psychological assessment|a thyroid test',
      'breathing and relaxation exercises|cognitive behavioural therapy|medicine under supervision',
      'drink less coffee|keep a regular sleep|face the situations step by step',
    ],
  },
  ocd: {
    ar: [
      'الوسواس القهري|وسواس النظافة',
      'تكرار غسل اليدين|أفكار مزعجة لا أستطيع إيقافها|تكرار الوضوء والتأكد من الأبواب|شك دائم',
      'خلل في نواقل الدماغ|استعداد عائلي|القلق الشديد',
      'تقييم عند طبيب نفسي|مقياس الوسواس',
      'العلاج بالتعرض ومنع الاستجابة|دواء من مثبطات السيروتونين بوصفة|جلسات علاج سلوكي',
      'عدم الاستجابة للفكرة|تأخير التكرار قليلا كل مرة|الاستمرار في العلاج عدة أشهر',
    ],
    en: [
      'obsessive compulsive disorder|a fear of dirt',
      'washing hands again and again|unwanted thoughts I cannot stop|checking doors many times|constant doubt',
      'an imbalance in brain messengers|a family tendency|strong anxiety',
      'an assessment by a psychiatrist|a questionnaire for obsessions',
      'exposure and response prevention|a prescribed serotonin medicine|behaviour therapy',
      'do not answer the thought|delay the ritual a little each time|continue treatment for months',
    ],
  },
  insomnia: {
    ar: [
      'الأرق|اضطراب النوم',
      'صعوبة في الدخول في النوم|استيقاظ متكرر في الليل|تعب ونعاس في النهار|كوابيس متكررة',
      'استعمال الهاتف قبل النوم|القلق|شرب القهوة مساء|تغير مواعيد النوم',
      'تسجيل مواعيد النوم أسبوعين|دراسة النوم|تحليل الغدة وفقر الدم',
      'تنظيم عادات النوم|علاج سلوكي للأرق|دواء منوم لفترة قصيرة بإشراف طبيب',
      'ترك الهاتف قبل النوم بساعة|الاستيقاظ في موعد ثابت|الابتعاد عن القيلولة الطويلة',
    ],
    en: [
      'insomnia|a sleep disorder',
      'trouble falling asleep|waking many times at night|tiredness during the day|repeated nightmares',
      'phone use before bed|anxiety|coffee in the evening|changing bed times',
      'a sleep diary for two weeks|a sleep study|a thyroid and anaemia test',
      'better sleep habits|behaviour therapy for insomnia|a short course of a sleeping aid under supervision',
      'put the phone away an hour before bed|wake at a fixed time|avoid long naps',
    ],
  },
  psychosis: {
    ar: [
      'الفصام|الذهان',
      'سماع أصوات غير موجودة|شك في المحيطين|كلام غير مترابط|انعزال وإهمال النظافة',
      'عوامل وراثية|تعاطي المخدرات|خلل في الدوبامين',
      'تقييم طبي نفسي عاجل|تحليل سموم|صورة للدماغ',
      'أدوية مضادة للذهان بإشراف طبيب|تأهيل نفسي واجتماعي|متابعة الأسرة',
      'عدم إيقاف الدواء دون الطبيب|مراجعة الطوارئ عند وجود خطر|دعم المريض دون مجادلة',
    ],
    en: [
      'schizophrenia|psychosis',
      'hearing voices|suspicion of people around|speech that does not hold together|withdrawal and poor self care',
      'genetic factors|use of drugs|an imbalance of dopamine',
      'an urgent psychiatric assessment|a drug screen|a brain scan',
      'antipsychotic medicine under supervision|social rehabilitation|family support',
      'never stop the medicine alone|go to emergency care if there is danger|support the patient without arguing',
    ],
  },
  bipolar: {
    ar: [
      'اضطراب ثنائي القطب|تقلب المزاج الشديد',
      'نشاط زائد وقلة نوم لأيام|تقلب المزاج بين فرح وحزن|عصبية شديدة|صرف المال بتهور',
      'عوامل وراثية|اضطراب النوم|إيقاف العلاج',
      'تقييم نفسي مفصل|تحليل الغدة الدرقية|متابعة مستوى الدواء في الدم',
      'مثبتات المزاج بوصفة طبيب|جلسات نفسية|تنظيم النوم',
      'الالتزام بالدواء|تسجيل المزاج يوميا|إخبار الأسرة بعلامات النوبة',
    ],
    en: [
      'bipolar disorder|strong mood swings',
      'days of high energy with little sleep|moods that swing from joy to sadness|strong anger|careless spending',
      'genetic factors|disturbed sleep|stopping treatment',
      'a detailed assessment|a thyroid test|a blood level of the medicine',
      'prescribed mood stabilisers|therapy sessions|a regular sleep rhythm',
      'keep taking the medicine|keep a mood diary|tell the family about warning signs',
    ],
  },
  shyness: {
    ar: [
      'الرهاب الاجتماعي|ضعف الثقة بالنفس',
      'خوف من الكلام أمام الناس|احمرار الوجه والتعرق عند الحديث|تجنب المناسبات|مقارنة نفسي بالآخرين دائما',
      'أسلوب التربية|مواقف محرجة قديمة|حساسية زائدة من النقد',
      'جلسة تقييم مع أخصائي نفسي|مقياس القلق الاجتماعي',
      'التعرض التدريجي للمواقف|تدريب على المهارات الاجتماعية|علاج معرفي',
      'البدء بمواقف بسيطة|تحضير ما ستقول|كتابة النجاحات الصغيرة',
    ],
    en: [
      'social anxiety|low self confidence',
      'fear of speaking in front of people|blushing and sweating when I talk|avoiding gatherings' +
        '|always comparing myself to others',
      'the way of upbringing|old embarrassing events|being very sensitive to criticism',
      'an assessment with a psychologist|a social anxiety scale',
      'gradual exposure|training in social skills|cognitive therapy',
      'start with easy situations|prepare what you will say|write down small successes',
    ],
  },
  conflict: {
    ar: [
      'الخلافات الأسرية|الضغط النفسي',
      'عصبية زائدة مع أهلي|مشاكل متكررة مع الشريك|شعور بالضغط من العمل والدراسة|صعوبة في التركيز قبل الامتحان',
      'ضعف التواصل|ضغوط العمل|توقعات عالية من النفس',
      'جلسة إرشاد أسري|تقييم مع أخصائي نفسي',
      'إرشاد أسري|تعلم إدارة الغضب|تنظيم الوقت',
      'الحوار الهادئ|أخذ استراحة قبل الرد|ممارسة هواية محببة',
    ],
    en: [
      'family conflict|everyday stress',
      'anger with my family|repeated quarrels with my partner|pressure from work and study' +
        '|poor concentration before an exam',
      'poor communication|pressure at work|high expectations of oneself',
      'a family counselling session|an assessment with a psychologist',
      'family counselling|learning to manage anger|planning of time',
      'talk calmly|take a break before you answer|keep a hobby you like',
    ],
  },
  adhd: {
    ar: [
      'فرط الحركة وتشتت الانتباه|طيف التوحد',
      'حركة زائدة وعدم تركيز|تأخر في الكلام|عناد وعدم استجابة للأوامر|عدم التواصل بالعين',
      'عوامل وراثية|اختلاف في نمو الدماغ|كثرة الشاشات',
      'تقييم نمائي|فحص السمع|اختبار الانتباه',
      'علاج سلوكي للطفل|جلسات نطق|تدريب الوالدين',
      'تقليل وقت الشاشات|مدح السلوك الجيد|وضع روتين ثابت في البيت',
    ],
    en: [
      'attention deficit and hyperactivity|the autism spectrum',
      'constant movement and no focus|delayed speech|stubborn behaviour|poor eye contact',
      'genetic factors|a different brain development|too much screen time',
      'a developmental assessment|a hearing test|an attention test',
      'behaviour therapy for the child|speech sessions|training for the parents',
      'cut screen time|praise good behaviour|keep a fixed routine at home',
    ],
  },
  smoking: {
    ar: [
      'إدمان التدخين|إدمان النيكوتين',
      'رغبة قوية في التدخين صباحا|عصبية عند ترك السجائر|سعال صباحي مع التدخين|فشل في ترك التدخين عدة مرات',
      'اعتماد الجسم على النيكوتين|ضغط الأصدقاء|التوتر',
      'فحص وظائف الرئة|مقياس الاعتماد على النيكوتين',
      'لصقات أو علكة النيكوتين|برنامج الإقلاع عن التدخين|دعم سلوكي',
      'تحديد يوم لترك التدخين|الابتعاد عن أماكن المدخنين|ممارسة الرياضة عند الرغبة',
    ],
    en: [
      'smoking|nicotine dependence',
      'a strong urge to smoke in the morning|anger without cigarettes|a morning cough|several failed attempts to quit',
      'dependence on nicotine|pressure from friends|stress',
      'a lung function test|a nicotine dependence scale',
      'nicotine patches or gum|a stop smoking programme|behavioural support',
      'set a day to quit|stay away from smoking areas|exercise when the urge comes',
    ],
  },
  drugs: {
    ar: [
      'إدمان المخدرات|الاعتماد على المسكنات|أعراض الانسحاب',
      'رعشة وتعرق عند ترك الحبوب|رغبة ملحة في التعاطي|استعمال المسكن كل يوم|أرق وآلام جسم بعد التوقف',
      'تغير مراكز المكافأة في الدماغ|استعمال الدواء دون طبيب|رفقة السوء',
      'تحليل سموم في البول|تقييم في مركز علاج الإدمان|وظائف الكبد',
      'سحب السموم تحت إشراف طبي|تأهيل نفسي|مجموعات الدعم',
      'عدم التوقف المفاجئ دون طبيب|طلب المساعدة من مركز متخصص|الابتعاد عن رفقاء التعاطي',
    ],
    en: [
      'drug addiction|dependence on painkillers|withdrawal',
      'shaking and sweating without the pills|a strong craving|a painkiller every single day|body pain after stopping',
      'changes in the reward centres of the brain|medicine taken without a doctor|bad company',
      'a urine drug screen|an assessment in a treatment centre|liver tests',
      'supervised detox|psychological rehabilitation|support groups',
      'do not stop suddenly without a doctor|ask a specialised centre for help|avoid people who use',
    ],
  },
};

export const mindMatters: MatterTable = {
  habit: {
    ar: [
      'العادات والسلوك|إدمان الإنترنت|إدمان الألعاب',
      'كيف أتخلص من إدمان الهاتف|ابني يقضي يومه في الألعاب فما الحل|كيف أترك عادة سيئة متكررة',
      'الدماغ يتعود على المكافأة السريعة|استبدال العادة أسهل من تركها|التدرج يعطي نتيجة ثابتة',
      'تحديد ساعات الاستعمال|ملء الفراغ بنشاط مفيد|طلب دعم أخصائي نفسي',
    ],
    en: [
      'habits and behaviour|internet addiction|gaming addiction',
      'How do I get rid of phone addiction?|My son plays games all day, what can I do?|How can I leave a bad habit?',
      'The brain gets used to quick rewards|Replacing a habit is easier than leaving it|Small steps last longer',
      'set hours for its use|fill free time with something useful|ask a psychologist for support',
    ],
  },
  therapy: {
    ar: [
      'العلاج النفسي|جلسات العلاج السلوكي|أدوية الاكتئاب',
      'هل أدوية الاكتئاب تسبب الإدمان|كم جلسة أحتاج مع الأخصائي النفسي|هل العلاج النفسي يغني عن الدواء',
      'مضادات الاكتئاب لا تسبب الإدمان لكن لا توقف فجأة|يظهر التحسن بعد عدة أسابيع|الجمع بين الجلسات والدواء أفضل',
      'متابعة الطبيب النفسي|الصبر على العلاج|إخبار الطبيب عن أي أعراض جانبية',
    ],
    en: [
      'psychotherapy|antidepressant medicine',
      'Are antidepressants addictive?|How many sessions do I need?|Can therapy replace medicine?',
      'Antidepressants are not addictive but should not be stopped suddenly|Improvement takes some weeks' +
        '|Sessions and medicine work best together',
      'stay in touch with your psychiatrist|be patient with treatment|report any side effect',
    ],
  },
};
