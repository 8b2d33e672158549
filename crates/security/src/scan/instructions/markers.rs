//! Marks of chat templates, forged turns and forged tool calls: sought on folded text with its punctuation.

use super::Pattern;

pub(super) const PATTERNS: &[Pattern] = &[
    ("template_token", r"<\|(?:[a-z0-9_]|▁){2,40}\|>"),
    ("template_inst", r"\[/?inst\]"),
    ("template_sys", r"<</?sys>>"),
    ("template_turn", r"</?(?:start_of_turn|end_of_turn)>"),
    (
        "template_heading",
        r"###+ ?(?:system|instruction|instructions|human|assistant)(?: prompt| message| override)? ?:",
    ),
    (
        "role_tag",
        r"</?(?:system[-_ ](?:prompt|message|instructions?|override|reminder)|developer[-_ ](?:prompt|message)|assistant_response)>",
    ),
    (
        "role_tag_order",
        r"<(?:system|admin|developer|important|instructions?)> ?(?:you|ignore|new|override|disregard|forget|from now|always|never|do not|before)<W>",
    ),
    (
        "role_tag_break",
        r"</(?:user|user_input|user_query|document|untrusted|data|memory|tool_result|context)> ?<(?:system|assistant|developer|instructions?)>",
    ),
    (
        "role_line",
        r"(?:^|[.!?>\]|] )\[?(?:system|developer|admin|administrator|root)(?: (?:message|prompt|instructions?|override|notice|alert|note))?\]? ?: ?(?:you (?:are|must|will|should|have)|ignore|from now|new (?:instructions?|rules|directive)|your (?:new|real|true)|disregard|forget|the assistant|the user (?:is|has) (?:now )?(?:authori[sz]ed|admin|root)|all (?:previous|prior|safety)|override)",
    ),
    (
        "role_json",
        r#""role" ?: ?"(?:system|developer)" ?, ?"content" ?: ?"[^"]{0,80}(?:ignore|disregard|override|you must|reveal|forget)"#,
    ),
    (
        "tool_call_tag",
        r#"</?(?:antml:)?(?:function_calls?|tool_calls?|tool_use|tool_response|tool_results?|function_results?)(?: [^<>]{0,100})?>|<(?:antml:)?invoke name ?= ?["'][^<>]{1,100}>|<function=[a-z0-9_.-]{1,60}>"#,
    ),
    (
        "tool_result_line",
        r"(?:^|[.!?>\]|] )(?:tool|function)[ _](?:result|output|response) ?: ?(?:ignore|system|the user (?:has|is)|you (?:must|should|are)|disregard|new instructions)",
    ),
    (
        "prompt_boundary",
        r"(?:end|beginning|start) of (?:the )?(?:system |user |hidden |original |untrusted )?(?:prompt|instructions|system message|input|data)[ \]=>#*.:-]{0,20}(?:new (?:instructions?|task|system|rules|prompt)|ignore|now (?:you|ignore|do|follow)|real (?:instructions?|task)|you (?:are|must|will))<W>",
    ),
    (
        "image_exfiltration",
        r"!\[[^\]]{0,100}\]\(https?://[^ )]{0,200}[?&/][^ )=/]{0,40}[=/] ?(?:\{|<|\[|\$|%7b|data\b|secret|history|conversation|context|password|token)",
    ),
    (
        "curl_exfiltration",
        r"(?:curl|wget|nc|ncat) [^|;]{0,200}(?:-d|--data[a-z-]{0,10}|-f|--upload-file|-t|--post-file|<)[ =]?[^ ]{0,60} ?[^ ]{0,40}(?:\.env<W>|\.ssh/|id_rsa|id_ed25519|\.aws/cred|/etc/passwd|/etc/shadow|\.netrc|printenv)",
    ),
    (
        "pipe_exfiltration",
        r"(?:\.env<W>|\.ssh/|id_rsa|id_ed25519|\.aws/cred|/etc/shadow|\.netrc|printenv|<W>env)[^|;]{0,60}\| ?(?:base64[^|;]{0,20}\| ?)?(?:curl|wget|nc|ncat)<W>",
    ),
];
