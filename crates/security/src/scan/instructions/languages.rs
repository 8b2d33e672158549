//! Orders in other languages: sought on rows of words, as folding leaves them.

use super::Pattern;

pub(super) const PATTERNS: &[Pattern] = &[
    (
        "ignore_previous_de",
        r"(?:ignoriere?|ignorieren sie|missachte|missachten sie|vergiss|vergessen sie|verwirf|umgehe|(?:u|ü)bergehe|beachte nicht|befolge nicht) (?:(?:bitte|alle|alles|die|den|das|deine|ihre|meine|jegliche|s(?:a|ä)mtliche|aller|nun|jetzt) )*(?:vorherigen|vorigen|bisherigen|obigen|fr(?:u|ü)heren|vorangegangenen|vorhergehenden|urspr(?:u|ü)nglichen|vorstehenden|gegebenen) (?:[a-z]+ )?(?:anweisungen|instruktionen|befehle|regeln|vorgaben|eingaben|prompts?|richtlinien|anordnungen)",
    ),
    (
        "ignore_everything_de",
        r"(?:vergiss|ignoriere?|vergessen sie) alles (?:was|vorherige|bisherige|davor|zuvor|obige)",
    ),
    (
        "reveal_prompt_de",
        r"(?:verrate?|zeige?|gib|nenne?|enth(?:u|ü)lle|offenbare|wiederhole|drucke|verraten sie|zeigen sie) (?:[a-z]+ ){0,2}?(?:deinen?|ihren?|den|die|deine) (?:[^ ]+ )?(?:system-?prompt|systemanweisung(?:en)?|systemnachricht|geheimen anweisungen|urspr(?:u|ü)nglichen anweisungen)",
    ),
    (
        "hide_from_user_de",
        r"(?:sage?|erz(?:a|ä)hle?|verrate?|teile|zeige?) (?:es |das |dies |davon )?(?:dem|der|den|deinem) (?:nutzer|benutzer|anwender|menschen|user)n? (?:nichts|nicht|auf keinen fall|niemals)",
    ),
    (
        "you_are_now_de",
        r"du bist (?:jetzt|nun|ab sofort|ab jetzt) (?:ein |eine |der |die |im )?(?:[^ ]+ )?(?:ki|dan|hacker|assistent|chatbot|pirat|uneingeschr(?:a|ä)nkt|entwicklermodus|frei von|ohne (?:regeln|einschr(?:a|ä)nkungen))",
    ),
    (
        "ignore_previous_fr",
        r"(?:ignore[rz]?|oublie[rz]?|n(?:e|é)glige[rz]?|ne (?:tiens|tenez) (?:pas|plus) compte|fais abstraction|contourne[rz]?) (?:(?:de|des|toutes?|tous|les|tes|vos|mes|ces|ses|tout) )*(?:instructions?|consignes|r(?:e|è)gles|directives|ordres) (?:[^ ]+ )?(?:pr(?:e|é)c(?:e|é)dente?s?|ant(?:e|é)rieure?s?|ci-dessus|initiale?s?|du syst(?:e|è)me|syst(?:e|è)me|donn(?:e|é)e?s)",
    ),
    ("ignore_everything_fr", r"(?:oublie|oubliez|ignore|ignorez) tout ce (?:qui|que|quon)"),
    (
        "reveal_prompt_fr",
        r"(?:r(?:e|é)v(?:e|è)le|affiche|montre|donne|r(?:e|é)p(?:e|è)te|divulgue|communique)(?:z|r)?(?:-moi| moi)? (?:ton|votre|le|tes|vos|les) (?:prompt|invite|instructions|message) (?:syst(?:e|è)me|cach(?:e|é)e?s?|secr(?:e|è)te?s?|initiale?s?)",
    ),
    (
        "hide_from_user_fr",
        r"ne (?:le |la |l|en )?(?:dis|dites|r(?:e|é)v(?:e|è)le|r(?:e|é)v(?:e|é)lez|parle|parlez|mentionne|mentionnez|montre|montrez) (?:rien |pas |jamais |surtout )+(?:de |cela |ceci |(?:c|ç)a )*(?:(?:a|à) |(?:a|à) l|aux? )?(?:lutilisateur|utilisateurs?|lhumain)",
    ),
    (
        "ignore_previous_es",
        r"(?:ignora|ignore|ignorad|olvida|olvide|descarta|descarte|omite|omita|desobedece|haz caso omiso (?:de|a)|no sigas) (?:(?:todas?|todos?|las|los|tus|sus|mis|estas|de|a) )*(?:instrucciones|indicaciones|(?:o|ó)rdenes|reglas|directrices) (?:anteriores|previas|de arriba|del sistema|iniciales|originales|dadas)",
    ),
    ("ignore_everything_es", r"(?:olvida|ignora|olvide|ignore) todo lo (?:anterior|que|dicho)"),
    (
        "reveal_prompt_es",
        r"(?:revela|muestra|muestre|dime|imprime|repite|ense(?:n|ñ)a)(?:me)? (?:tu|tus|el|las|sus|su) (?:prompt|mensaje|instrucciones|indicaciones) (?:del sistema|de sistema|de tu sistema|ocult[ao]s?|secret[ao]s?|iniciales|original(?:es)?)",
    ),
    (
        "hide_from_user_es",
        r"no (?:se lo |le |lo )?(?:digas|diga|cuentes|cuente|informes|menciones|reveles|muestres)(?: [a-z]+){0,3}? al (?:usuario|humano|operador)",
    ),
    (
        "you_are_now_es",
        r"(?:ahora eres|eres ahora|a partir de ahora eres) (?:dan|un[ao]? (?:[a-z]+ )?(?:ia|asistente|hacker|modelo|chatbot|pirata)|libre de)",
    ),
    (
        "ignore_previous_zh",
        r"(?:忽略|无视|無視|忘记|忘記|忘掉|不要理会|不要理會|不要遵守|不再遵守|不必遵守|抛弃|绕过|繞過)[^.!?:;]{0,24}(?:之前|以前|先前|前面|上面|上述|以上|此前|系统|系統|原有|原来|所有)[^.!?:;]{0,18}(?:指令|指示|提示|规则|規則|命令|设定|設定|限制|约束)",
    ),
    (
        "reveal_prompt_zh",
        r"(?:显示|顯示|输出|輸出|告诉我|告訴我|泄露|洩露|透露|公开|打印|列出|复述|重复|说出)[^.!?:;]{0,18}(?:系统提示|系統提示|系统指令|系統指令|系统消息|初始指令|隐藏指令|隱藏指令|内部指令)",
    ),
    (
        "hide_from_user_zh",
        r"(?:不要|别|別|不得|切勿|绝不能|不能)(?:让|讓|告诉|告訴|通知|告知|向|对)(?:你的|任何)?(?:用户|用戶|使用者|人类|人類)",
    ),
    (
        "you_are_now_zh",
        r"(?:你现在是|你現在是|从现在开始 ?你是|從現在開始 ?你是|从现在起 ?你是|现在你是)[^.!?:;]{0,24}(?:dan|不受|没有限制|沒有限制|无限制|无任何限制|开发者模式|開發者模式|黑客|駭客|越狱)",
    ),
    (
        "ignore_previous_ja",
        r"(?:以前|これまで|前|上記|上|先ほど|以上|システム|元|すべて|全て|今まで|従来)の[^.!?:;]{0,24}(?:指示|命令|プロンプト|ルール|指令|規則|制約|設定)[^.!?:;]{0,24}(?:無視し|無視せ|忘れて|忘れろ|忘れなさい|破棄し|従わない|従うな)",
    ),
    (
        "reveal_prompt_ja",
        r"(?:システムプロンプト|システム指示|初期指示|隠された指示|内部指示|秘密の指示)[^.!?:;]{0,24}(?:表示し|教えて|出力し|公開し|開示し|見せて|示して|表示せよ|明かし)",
    ),
    (
        "hide_from_user_ja",
        r"(?:ユーザー?|使用者|利用者|人間)(?:に|には|へ)[^.!?:;]{0,30}(?:言わない|伝えない|教えない|知らせない|話さない|言うな|伝えるな|知られない|秘密に)",
    ),
    (
        "ignore_previous_ru",
        r"(?:игнорируй|игнорируйте|проигнорируй|проигнорируйте|забудь|забудьте|не обращай внимания на|не обращайте внимания на|отбрось|отбросьте|не следуй|не следуйте|нарушь) (?:(?:все|всё|всем|эти|свои|твои|ваши|про|мои|любые|пожалуйста) )*(?:предыдущ|прошл|прежн|ранее|системн|вышеуказанн|вышестоящ|изначальн|первоначальн|исходн)[^ ]* (?:[^ ]+ )?(?:инструкци|указани|правил|команд|промпт|приказ|директив)[^ ]*",
    ),
    (
        "ignore_everything_ru",
        r"(?:забудь|забудьте|игнорируй|игнорируйте) (?:всё|все) (?:что|предыдущее|вышесказанное|сказанное)",
    ),
    (
        "reveal_prompt_ru",
        r"(?:покажи|раскрой|выведи|напиши|сообщи|назови|повтори|открой)(?:те)? (?:мне )?(?:свои |твои |ваши |свой |твой |ваш |весь |все )*(?:системн[^ ]+ (?:промпт|инструкци|сообщени|подсказк)|скрыт[^ ]+ инструкци|секретн[^ ]+ инструкци|начальн[^ ]+ инструкци)",
    ),
    (
        "hide_from_user_ru",
        r"не (?:говори|говорите|сообщай|сообщайте|рассказывай|рассказывайте|показывай|показывайте|упоминай) (?:об этом |это |ничего |этого |этом )*(?:пользователю|пользователям|юзеру|человеку)",
    ),
    (
        "you_are_now_ru",
        r"(?:теперь ты|ты теперь|отныне ты|с этого момента ты) (?:(?:не |без )?(?:ограничен|ограничений|связан)|dan|хакер|(?:[^ ]+ )?(?:ии|ассистент|чат-бот|модель|нейросеть))",
    ),
];
