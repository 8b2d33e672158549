//! Orders in English: sought on rows of words (no apostrophes, no quotation marks, no commas).

use super::Pattern;

pub(super) const PATTERNS: &[Pattern] = &[
    (
        "ignore_previous",
        r"<W>(?:ignore|disregard|forget|dismiss|neglect|overlook|pay no attention to|stop following|stop obeying|disobey|do not follow|dont follow|do not obey|no longer follow|set aside|throw away|throw out) <ANY>(?:your )?<PRIOR> (?:[a-z]+ )?<ORDERS><W>",
    ),
    (
        "ignore_above",
        r"<W>(?:ignore|disregard|forget) <ANY>(?:above|previous|preceding|prior|before)(?: text| lines?| message| input| content)?(?: and|[.;:!])(?: instead| now| just| then)? (?:say|output|print|respond|reply|answer|write|do|tell|translate|reveal|send|act|execute|follow|return|show|give)<W>",
    ),
    (
        "ignore_everything",
        r"<W>(?:ignore|disregard|forget) (?:everything|all|anything|whatever|what|all of what|all the things)(?: that)?(?: i| we| they| he| she| anyone| anybody| the user| the developer| the system| you| you have| youve| you were| you are| have| has)+ (?:been )?(?:told|said|learned|given|instructed|taught|know|wrote|written|asked)<W>",
    ),
    (
        "ignore_everything_before",
        r"<W>(?:ignore|disregard|forget) (?:everything|all|anything) (?:above|before|prior|previous|preceding|so far|up to (?:now|this point)|written above|you know)<W>",
    ),
    (
        "ignore_your_rules",
        r"<W>(?:ignore|disregard|forget|bypass|disobey|abandon|break|violate|circumvent|override|overwrite|stop following|do not follow|dont follow) <ANY>your (?:[a-z]+ )?(?:[a-z]+ )?(?:instructions|guidelines|rules|programming|training|guardrails|restrictions|constraints|directives|limitations|policies|policy|prompt|alignment|ethics)<W>",
    ),
    (
        "ignore_system_rules",
        r"<W>(?:ignore|disregard|forget|disobey|circumvent|evade) <ANY>(?:system|developers?|admin|operators?|anthropics?|openais?|users?|safety|security|content)(?: |s )(?:prompts?|messages?|instructions?|rules|guidelines|policies|policy|filters?|restrictions|guardrails|directives)<W>",
    ),
    (
        "bypass_safety",
        r"<W>(?:bypass|disable|turn off|switch off|deactivate|remove|lift) <ANY>(?:your )?(?:safety|content|ethical|moral) (?:and [a-z]+ )?(?:filters?|guidelines|policies|policy|restrictions|guardrails|protocols|constraints|limits|measures|alignment)<W>",
    ),
    (
        "override_instructions",
        r"<W>(?:override|overrule|overwrite|supersede|replace|cancel|revoke|nullify) <ANY>(?:your )?(?:previous|prior|earlier|preceding|above|original|initial) (?:[a-z]+ )?(?:instructions?|prompts?|directives?|guidelines|orders|commands)<W>",
    ),
    (
        "overriding_instructions",
        r"<W>(?:overrides?|supersedes?|replaces?|cancels?|takes? precedence over|take priority over|takes priority over) (?:all|any|every)(?: of)?(?: the| your| other)? ?(?:previous|prior|earlier|preceding|other|existing|your|system|safety) ?(?:[a-z]+ )?(?:instructions?|prompts?|directives?|guidelines|orders|rules|commands)<W>",
    ),
    (
        "instructions_void",
        r"<W>(?:previous|prior|earlier|above|original|your|system) (?:[a-z]+ )?(?:instructions|prompts?|guidelines|directives|restrictions|orders) (?:are|is|have been|were|has been|no longer|do not|dont|does not|doesnt)(?: now| hereby| all)*(?: no longer)? (?:valid|apply|applicable|in effect|binding|void|null|revoked|suspended|lifted|cancell?ed|nullified)<W>",
    ),
    (
        "new_instructions",
        r"<BEGIN>(?:here are |these are |follow |obey )?(?:your |the |my )?(?:new|real|actual|true|secret|hidden|updated system|override) (?:system |user |admin |developer )?(?:instructions?|directives?|orders|system prompt|prompt) ?(?::|are|follow<W>|below)",
    ),
    (
        "your_new_instructions",
        r"<W>(?:your (?:new|real|actual|true|secret|hidden) (?:[a-z]+ )?(?:instructions?|orders|directives?|objective|mission|purpose|identity|system prompt|persona)(?: is| are| will be|:)|(?:follow|obey|execute|adopt) (?:only )?(?:these|this|the following|my) (?:new|secret|hidden|real) (?:[a-z]+ )?(?:instructions?|orders|directives?|rules|commands|persona))<W>",
    ),
    (
        "new_purpose",
        r"<W>your (?:only|sole|real|true|new|actual|secret) (?:purpose|goal|loyalty|master|objective|mission) (?:is|are|will be|from now)<W>",
    ),
    (
        "from_now_on",
        r"<W>(?:from now on|from this point on|from this point forward|from this moment on|henceforth|starting now) (?:you (?:are|will be|will act|will respond|will answer|will behave|will obey|will ignore|will play|must obey|must act|must ignore|must pretend|act|obey|ignore|serve|belong|have no)|act as|ignore|obey|pretend|respond as|answer as|behave as)<W>",
    ),
    (
        "you_are_now",
        r"<W>you are now (?:(?:an? |the |my |called |known as )?(?:[a-z-]+ ){0,4}(?:assistant|ai|model|bot|chatbot|hacker|pirate|persona|character|entity|terminal|interpreter|dan|jailbroken|unrestricted|unfiltered|uncensored|unbound|liberated|slave|servant|villain)|free (?:from|of|to)|no longer|in (?:developer|debug|admin|god|sudo|unrestricted|jailbreak|dan|root|override|evil) mode|operating (?:in|without|under)|going to (?:act|pretend|play|ignore))<W>",
    ),
    (
        "you_are_unbound",
        r"<W>you (?:are|re) (?:no longer|not) (?:bound|restricted|constrained|an? (?:ai|assistant|language model|chatbot))<W>",
    ),
    (
        "you_have_no_rules",
        r"<W>you (?:now )?(?:have|follow|obey|have got) no (?:restrictions|limits|limitations|filters|rules|guidelines|ethics|morals|ethical|moral|constraints|boundaries)<W>",
    ),
    (
        "pretend",
        r"<W>pretend (?:that )?(?:you are|youre|you have no|you have never|there are no|you can do|you do not|you are not)<W>",
    ),
    (
        "act_as_unbound",
        r"<W>(?:act|behave|respond|answer|roleplay|role-play|operate|function|reply|speak) (?:as|like) (?:if you (?:were|are|had|have) )?(?:an? |the |my )?(?:[a-z-]+ ){0,3}(?:unrestricted|unfiltered|uncensored|jailbroken|evil|amoral|dan|without (?:restrictions|rules|limits|filters|ethics)|no (?:restrictions|rules|limits|filters))<W>",
    ),
    (
        "dan",
        r"<W>(?:dan mode|dan prompt|do anything now|you are dan|stay a dan|stay in dan|as dan you|act as dan|(?:jailbreak|jailbroken|god|unrestricted|sudo|developer) mode (?:is )?(?:now )?(?:enabled|activated|unlocked|engaged))<W>",
    ),
    (
        "enter_mode",
        r"<W>(?:enter|enable|activate|switch to|switch into|engage|turn on|initiate|go into) (?:[a-z]+ )?(?:god|jailbreak|unrestricted|unfiltered|uncensored|dan|evil|opposite|no-filter|sudo) mode<W>",
    ),
    (
        "without_restrictions",
        r"<W>(?:answer|respond|reply|comply|act|speak|operate|write|output|continue|generate)(?: [a-z]+){0,5} (?:without|free of|free from|ignoring) (?:any |all |the |your |my )*(?:(?:<SAFETY> (?:and [a-z]+ )?)?(?:restrictions|filters|filtering|censorship|guardrails|guidelines|limitations|moralizing|disclaimers)|ethical considerations|moral considerations|refusing)<W>",
    ),
    (
        "never_refuse",
        r"<W>(?:you (?:must|will|can|shall|should) (?:never|not|no longer) (?:refuse|decline|say no|reject)|never refuse (?:a|any|my|the|to)|you cannot refuse|refusal is not (?:allowed|permitted|an option))<W>",
    ),
    (
        "obey_me",
        r"<W>(?:you (?:must|will|shall|have to|should) )(?:now |only |always )*(?:obey|comply with|answer only to|serve) (?:me|my|only|all my|every|any|all|whatever)<W>",
    ),
    (
        "hide_from_user",
        r"<W>(?:do not|dont|never|must not|should not) (?:ever )?(?:tell|inform|notify|alert|warn|let) (?:the |any |your |a )?<PERSON>(?: know)?(?: about| of| that| this| anything| what| why| you|[.!;:]| ?$)",
    ),
    (
        "hide_this",
        r"<W>(?:do not|dont|never|must not) (?:mention|reveal|disclose|report|show|admit) (?:this|these|it|that|any of this|the following)(?: [a-z]+){0,3} to (?:the |any |your )?<PERSON><W>",
    ),
    (
        "without_telling",
        r"<W>(?:run|execute|call|invoke|send|delete|transfer|install|upload|post|approve|forward|perform|do (?:this|it|so)|copy|share|commit|push|grant|email)(?: [^ .]+){0,10}? without (?:telling|informing|notifying|alerting|letting|asking|involving) (?:the |your |any )?<PERSON><W>",
    ),
    (
        "without_approval",
        r"<W>(?:run|execute|call|invoke|send|delete|transfer|install|upload|approve|perform|use)(?: [^ .]+){0,8}? without (?:asking for|waiting for|requesting|requiring|seeking|any|user|asking)(?: [a-z]+){0,2} (?:confirmation|permission|approval|consent)<W>",
    ),
    (
        "keep_from_user",
        r"<W>(?:keep|hide|conceal) (?:this|these|it|that|your)(?: (?:message|instructions?|actions?|request|note|activity|steps|reasoning|conversation|behaviou?r|text|part|exchange))?(?: (?:a )?(?:hidden|secret|concealed|private|away))? from (?:the |any |your )?(?:<PERSON>|everyone)<W>",
    ),
    (
        "between_us",
        r"<W>(?:keep (?:this|it) between (?:us|you and me)|this (?:must|should|has to|will) (?:stay|remain) (?:between us|our secret))<W>",
    ),
    (
        "user_must_not_know",
        r"<W><PERSON> (?:must not|mustnt|should not|shouldnt|does not need to|doesnt need to|do not need to|need not|must never|should never|will not|wont|cannot|is not to|are not to) (?:know|notice|find out|learn|suspect|be (?:told|informed|aware|notified|alerted))<W>",
    ),
    (
        "secretly_send",
        r"<W>(?:secretly|covertly|discreetly|silently|quietly|stealthily) (?:send|upload|post|forward|transmit|email|exfiltrate|leak|collect|copy|install|share|add a link|include a link|insert|execute|bcc)<W>",
    ),
    (
        "reveal_system_prompt",
        r"<W>(?:reveal|print|output|display|repeat|recite|disclose|tell me|give me|send me|show me|show us|leak|dump|expose|write out|type out|echo|quote|paste)(?: [a-z]+){0,4}? (?:system prompt|system message|hidden prompt|initial prompt|initial instructions|original instructions|system instructions|hidden instructions|secret instructions|developer message|pre-prompt|preprompt|original prompt|confidential instructions|internal instructions)<W>",
    ),
    (
        "reveal_your_prompt",
        r"<W>(?:reveal|show|print|output|display|repeat|recite|disclose|tell me|tell us|give me|send me|share|leak|dump|expose|write out|return|list|quote|copy|paste|summari[sz]e|translate|what (?:is|are|was|were)|what does)(?: [a-z]+){0,3}? your (?:[a-z]+ )?(?:[a-z]+ )?(?:system prompt|system message|instructions|prompt|directives|pre-prompt|guidelines verbatim|rules verbatim)<W>",
    ),
    (
        "repeat_above",
        r"<W>(?:repeat|print|output|recite|copy|reproduce|echo|show me|give me)(?: back)? (?:everything|all|all of|the text|the words|the lines?|the content|all text|all the text|all the words|every word)(?: of)?(?: the)?(?: text| words| lines| content)? (?:above|before this|before me|verbatim|starting with|you were given|you were told|preceding|that came before|prior to)<W>",
    ),
    (
        "reveal_credentials",
        r"<W>(?:reveal|leak|expose|send me|send us|give me|tell me|show me|disclose|exfiltrate|steal|email me|hand over|extract and send)(?: [a-z]+){0,2} (?:your|the users?|users|every|any|all|stored|saved|the stored|the admin|the)(?: [a-z]+){0,2} <CREDENTIALS><W>",
    ),
    (
        "print_credentials",
        r"<W>(?:print|output|dump|list|display|write|paste|include|read out|read|echo|post|append)(?: [a-z]+){0,2} (?:your|the users)(?: [a-z]+){0,2} <CREDENTIALS><W>",
    ),
    (
        "send_to_address",
        r"<W>(?:send|post|upload|forward|transmit|submit|leak|email|copy|paste|exfiltrate|deliver|report|append|encode)(?: [^ .]+){0,6}? (?:secrets?|credentials?|passwords?|api keys?|private keys?|ssh keys?|environment variables?|env vars?|conversation(?: history)?|chat (?:history|logs?)|system prompt|memories|cookies|(?:all|any|every|your|their|the users|users|everything)(?: [a-z]+){0,2} (?:data|files?|tokens?|keys?|context|history|memory|messages|emails?|information|contacts|code|documents|notes))(?: [^ ]+){0,8}? (?:to|at|via|into)(?: [^ ]+){0,4}? ?(?:https?:/|ftp:/|[a-z0-9.-]+@[a-z0-9-]+\.[a-z])",
    ),
    ("exfiltrate", r"<W>exfiltrate (?:all|your|every|everything|the users?|users|their|any|this|these)<W>"),
    (
        "system_override",
        r"<W>(?:(?:system|admin|administrator|developer|emergency|root|priority|safety) override(?: code|:| activated| authori[sz]ed| enabled| engaged| accepted| initiated)|override code:? )",
    ),
    (
        "claimed_authority",
        r"<W>(?:this is|i am|im|speaking as|message from|signed by|on behalf of) (?:(?:an?|the|your|official|authori[sz]ed|urgent|direct|new) )*(?:system administrator|administrator|admin|developers?|creators?|openai|anthropic|system|root user|operator)(?: team| speaking| override| message| support)*(?: and)? (?:you must|i order|i authori[sz]e|i command|i instruct|you are (?:ordered|required to|authori[sz]ed)|you will|ignore|do as|instructs you|orders you|commands you)<W>",
    ),
    (
        "addressed_to_models",
        r"<W>(?:attention|note to|message to|message for|notice to|memo to|hey|instructions? to|reminder to|warning to)(?: all| any| the| every)* (?:ai|ais|llm|llms|gpt|claude|chatgpt|gemini|copilot|language models?|ai (?:assistants?|agents?|models?|systems?)|chatbots?|bots?|assistants?)(?: reading this| processing this| summari[sz]ing this| parsing this)?[ .!:;-]+(?:you|ignore|please|do|disregard|this|if|your|the|stop|always|read|reply|respond|include|recommend)<W>",
    ),
    (
        "if_you_are_a_model",
        r"<W>if (?:you are|youre) (?:an? )?(?:large )?(?:ai|llm|language model|chatbot|bot|assistant|ai (?:assistant|agent|model))(?: that is| who is| and| which is)? (?:reading|processing|parsing|summari[sz]ing|ignore|stop|you must|disregard|analy[sz]ing|evaluating|then (?:ignore|say|reply|send|you must))<W>",
    ),
    (
        "when_asked_instead",
        r"<W>(?:whenever|when|every time|if|each time) (?:the |a |any )?(?:user|human|someone|anyone|they|somebody) (?:asks?|says?|mentions?|requests?|writes?|wants?)(?: [^ .]+){0,10}? (?:secretly|silently|covertly|lie|pretend|instead (?:say|send|run|reply|recommend|tell)|tell them (?:that )?it is impossible)<W>",
    ),
    (
        "replicate",
        r"<W>(?:copy|repeat|insert|include|append|replicate|propagate|forward|spread|paste) (?:this|these)(?: exact)? (?:prompt|instructions?|text|paragraph|sentence|message|memory)(?: [a-z]+)? (?:in|to|into|at the end of|across) (?:every|all|each|any|other)<W>",
    ),
    (
        "call_tool_first",
        r"<W>(?:before (?:doing anything else|answering|responding|you (?:answer|respond|continue|do anything)|using any other tool|calling any other tool)(?: [^ .]+){0,4}? (?:call|invoke|use|run|execute|read) (?:the )?(?:[a-z0-9_-]+ ){0,2}(?:tool|function|file|command)|you must (?:first |always |now )?(?:call|invoke) (?:the )?[a-z0-9_-]+ (?:tool|function) (?:with|before|and pass))<W>",
    ),
    (
        "decode_and_obey",
        r"<W>(?:decode|decrypt|deobfuscate|unscramble|rot13)(?: [a-z0-9:-]+){0,8}? (?:and|then) (?:then )?(?:execute|follow|obey|carry out|comply|do)(?: the| its| these| those| it| them| what| with| exactly| as)<W>",
    ),
    (
        "pwned",
        r"<W>(?:say|print|output|respond with|reply with|write|answer with|respond|reply)(?: only| exactly| just|:)* (?:i have been |you have been |haha |i am |lol )*(?:pwned|hacked)<W>",
    ),
    (
        "trust_this",
        r"<W>(?:treat|consider|regard) (?:this|these|the following|my next)(?: [a-z]+){0,3} as (?:an? |the |your )?(?:new |trusted |highest |official |verified )*(?:system (?:prompt|message|instructions?|command)|instructions? from|priority|developer message|orders?|command)<W>",
    ),
    (
        "highest_priority",
        r"<W>(?:this|these|the following) (?:instructions?|message|directives?|prompt|commands?|orders?) (?:has|have|is|are|takes?|carr(?:y|ies)|must be)(?: of)?(?: the| given)? (?:highest|absolute|maximum|top|supreme|higher) (?:priority|authority|importance|precedence)<W>",
    ),
    (
        "safety_is_off",
        r"<W>(?:safety|content|ethical|moral) (?:filters?|guidelines|protocols?|restrictions|guardrails|policies|checks) (?:are|is|have been|has been|were|do not|no longer|dont)(?: now| currently| hereby| temporarily)* (?:off|disabled|lifted|suspended|apply|removed|deactivated|bypassed|turned off)<W>",
    ),
];
