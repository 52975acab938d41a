"""What attacks on a prompt say, as patterns over small letters; a blank is anything between two words, or nothing."""

# ruff: noqa: E501 - a rule is a line

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 400  # characters of a match


@dataclass(frozen=True, slots=True)
class Rule:
    """category: of the finding, below `prompt_attack/`; score: how often what says this is an attack."""

    name: str
    category: str
    score: float
    pattern: str


_DROP = r"(?:ignore|disregard|forget|override|overrule|skip|neglect|discard|drop|do not follow|don't follow|stop following|pay no attention to)"
_EARLIER = r"(?:previous|prior|preceding|above|earlier|former|foregoing|existing|original|initial|old|current|given|all|any|every|the|your|these|those|my|of|other|system|developer|safety|so far)"
_ORDERS = r"(?:instructions?|instruct\w*|prompts?|directions?|directives?|rules?|guidelines?|commands?|orders?|constraints?|context|programming|training|polic(?:y|ies)|guardrails?)"
_SAYS = r"(?:reveal|show|print|output|repeat|display|tell me|give me|leak|dump|recite|write out|write down|expose|share|copy|paste|echo|return|translate|summari[sz]e|encode|what (?:is|are|was|were))"
_HIDDEN = r"(?:your|the|its|this) (?:(?:full|entire|complete|exact|initial|original|hidden|secret|internal|verbatim|very|first) ){0,3}(?:system|developer|hidden|secret|initial|original|pre|internal) (?:prompts?|messages?|instructions?|rules?|guidelines?)"
_FREE = r"(?:restrictions?|limits?|limitations?|rules?|filters?|filtering|censorship|guidelines?|ethics|ethical|moral\w*|boundaries|constraints?|guardrails?|safety|safeguards?|policy|policies|content policy)"

RULES: tuple[Rule, ...] = (
    Rule("ignore_instructions", "injection", 0.95, rf"\b{_DROP} (?:{_EARLIER} ){{1,5}}{_ORDERS}\b"),
    Rule("ignore_what_was_said", "injection", 0.85,
         r"\b(?:ignore|disregard|forget) (?:all |everything |anything |whatever ){1,2}(?:of )?(?:that |which )?(?:was |is |you were |you've been |you have been |has been |i |we |came |comes )?(?:told|said|written|instructed|above|before|earlier|previously)\b|\b(?:ignore|disregard|forget) (?:the|all|everything) above\b"),
    Rule("new_instructions", "injection", 0.8,
         r"(?:^|\n)new instructions? ?:|\b(?:your|here are your|these are your|follow (?:these|my|the)|obey (?:these|my|the)) (?:new|updated|real|actual|true|revised) (?:instructions?|task|directives?|orders|rules|goal|objective|purpose)\b"),
    Rule("fake_role", "injection", 0.85,
         r"(?:^|\n)[ \t#>*\[<(]{0,6}(?:new |updated )?(?:system|developer|admin(?:istrator)?|root)[ \t]?(?:prompt|message|override|update|instructions?|note|command)?[ \t]?[\])>*]{0,3}[ \t]?:[^\n]{0,60}(?:you (?:are|must|will|should|can|may)|ignore|disregard|override|from now|disable|enable|grant|obey)"),
    Rule("role_marks", "injection", 0.9,
         r"<\|(?:im_start|im_end|system|user|assistant|start_header_id|end_header_id|eot_id|endoftext|begin_of_text)\|>|\[/?inst\]|<</?sys>>|<start_of_turn>|<end_of_turn>"),
    Rule("end_of_prompt", "injection", 0.8,
         r"[-=#*<\[({]{2,} ?(?:end|begin|start|close) (?:of )?(?:the )?(?:system |new |user |real |hidden )?(?:prompt|instructions?|message|input|query|conversation|text)"),
    Rule("to_the_model", "injection", 0.85,
         r"(?:<!--|\b(?:attention|note|important|message|instructions?|hey|hello|dear)\b)[^\n.]{0,20}\b(?:ai|a\.i\.|llm|language model|assistant|chatbot|gpt|claude|copilot|agent)s?\b[^\n]{0,60}\b(?:must|ignore|disregard|instead|send|forward|transfer|recommend|rate|approve|do not (?:tell|mention|inform)|delete|reply|respond)\b"),
    Rule("if_you_are_a_model", "injection", 0.85,
         r"\bif you(?:'re| are) (?:an? )?(?:ai|llm|large language model|language model|assistant|chatbot|bot|agent)\b[^\n]{0,80}\b(?:then|please|must|ignore|say|write|reply|respond|include|add|approve|recommend|rate|send)\b"),
    Rule("behind_the_users_back", "injection", 0.85,
         r"\b(?:do not|don't|never|without) (?:tell|telling|mention|mentioning|inform|informing|reveal|revealing|notify|notifying|alert|alerting|show|disclose)(?: (?:this|any of this|it))?(?: to)? the user\b"),
    Rule("send_away", "injection", 0.8,
         r"\b(?:send|forward|email|mail|post|upload|exfiltrate|transmit|leak|append|include)\b[^\n]{0,60}\b(?:conversation|chat history|passwords?|credentials?|api keys?|secrets?|system prompt|user data|private data|inbox|emails?|contacts)\b[^\n]{0,60}(?:https?://|\b(?:to|at|via) [\w.+-]{1,40}@)"),
    Rule("image_that_tells", "injection", 0.85,
         r"!\[[^\]\n]{0,60}\]\(https?://[^)\s]{0,120}(?:\?|&)[^)\s=]{1,30}=[^)\s]{0,20}(?:\{|\[|<|%7b|secret|prompt|history|conversation|password|summary)"),
    Rule("instead_do", "injection", 0.7,
         r"\binstead(?: of (?:that|this|answering|the above|summari[sz]ing|translating|doing (?:that|this|so)))?[, ]{1,2}(?:just |only |simply |please )?(?:say|print|output|respond with|reply with|write only|answer with) (?:only |exactly )?[\"'`:]"),
    Rule("priority", "injection", 0.7,
         r"\b(?:this|these|the following) (?:message|instructions?|commands?|request|prompt) (?:overrides?|supersedes?|takes? (?:priority|precedence)(?: over)?|replaces?|cancels?)\b"),
    Rule("stop_being", "injection", 0.8, r"\b(?:you are|you're) no longer (?:an? |the )?(?:\w+ ){0,3}(?:assistant|ai|bot|chatbot|model|bound|required|limited|restricted)\b"),
    Rule("ignore_german", "injection", 0.95, r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*|uberspring\w*) (?:alle |alles |die |deine |ihre |bisherigen |vorherigen |vorigen |obigen |fruheren |vorangegangenen |samtliche ){1,5}(?:anweisung\w*|instruktion\w*|regel\w*|vorgabe\w*|befehl\w*|prompts?)"),
    Rule("ignore_french", "injection", 0.95, r"\b(?:ignor\w+|oubli\w+|ne tiens pas compte d\w*|fais abstraction d\w*) (?:toutes |tous |les |tes |vos |des |ces ){1,4}(?:instructions?|consignes?|regles?|directives?|ordres?)"),
    Rule("ignore_spanish", "injection", 0.95, r"\b(?:ignor\w+|olvid\w+|descart\w+|omit\w+|no sigas) (?:todas |todos |las |los |tus |sus |estas |esas |de )*(?:(?:anteriores|previas|previos) )?(?:instrucciones|reglas|ordenes|indicaciones|directrices)(?: (?:anteriores|previas|dadas))?"),
    Rule("ignore_portuguese", "injection", 0.95, r"\b(?:ignor\w+|esquec\w+|desconsider\w+) (?:todas |todos |as |os |suas |das |tuas )*(?:(?:anteriores|previas) )?(?:instrucoes|regras|ordens|diretrizes)"),
    Rule("ignore_italian", "injection", 0.95, r"\b(?:ignor\w+|dimentic\w+) (?:tutte |tutti |le |i |tue |gli )*(?:(?:precedenti) )?(?:istruzioni|regole|ordini|direttive)"),
    Rule("ignore_dutch", "injection", 0.95, r"\b(?:negeer|vergeet) (?:alle |je |de |uw |vorige |eerdere |bovenstaande )+(?:instructies|regels|opdrachten|aanwijzingen)"),
    Rule("ignore_russian", "injection", 0.95, r"(?:игнорируй|забудь|проигнорируй|не следуй)\S{0,3} (?:все |всем |свои |предыдущи\S{1,2} |прошлы\S{1,2} |прежни\S{1,2} |эти |этим ){1,4}(?:инструкци|указани|правил|команд)"),
    Rule("ignore_polish", "injection", 0.95, r"\b(?:z?ignoruj|zapomnij|pomin)\w* (?:o )?(?:wszystki\w{1,3} |poprzedni\w{1,3} |swoi\w{1,3} |wczesniejsz\w{1,3} ){1,4}(?:instrukcj|polece|zasad|regul)"),
    Rule("ignore_arabic", "injection", 0.95, r"(?:تجاهل|انس|انسى) [^.\n]{0,20}(?:التعليمات|الاوامر|الأوامر|القواعد)"),
    Rule("ignore_chinese", "injection", 0.95, r"(?:忽略|忘记|无视|忘掉|不要遵循|不理会)[^。\n]{0,12}(?:指令|指示|说明|规则|提示|命令)"),
    Rule("ignore_japanese", "injection", 0.95, r"(?:以前|これまで|上記|今まで|前)の[^。\n]{0,8}(?:指示|命令|ルール|プロンプト)[^。\n]{0,6}(?:無視|忘れ)"),
    Rule("do_anything", "jailbreak", 0.95, r"\b(?:do anything now|dan mode|(?:act|behave|answer|respond|pretend to be|you are|as|stay) (?:as |like |a )*dan\b|jailbr(?:eak|oken) mode|developer mode (?:enabled|output|v2)|god mode enabled|aim mode|stan mode|dude mode|evil ?bot|evil confidant)"),
    Rule("without_rules", "jailbreak", 0.9,
         rf"\b(?:you|ai|model|assistant|bot|chatbot|gpt|character|persona|who|that|which|being|it|answer\w*|respond\w*|act|reply)\b[^\n.]{{0,60}}\b(?:without|no|free (?:of|from)|unbound by|not bound by|ignoring|ignores?|never (?:refuses?|follows?)|bypass\w*|freed from|does not follow|doesn't follow|disregard\w*) (?:any |all |the |its |your |of |usual |typical |ethical |moral |content |safety |legal |or |and |openai'?s? |anthropic'?s? |google'?s? |built-?in ){{0,5}}{_FREE}\b"),
    Rule("unfiltered", "jailbreak", 0.8, r"\b(?:you are|you're|act as|become|be|pretend to be|play|roleplay as|simulate|imagine) (?:now )?(?:an? |the )?(?:\w+ ){0,3}(?:unfiltered|uncensored|unrestricted|unaligned|amoral|unethical|jailbroken|unhinged|lawless)\b"),
    Rule("no_refusal", "jailbreak", 0.85,
         r"\b(?:you (?:can ?not|can't|must not|may not|will not|won't|are not allowed to|never|should never|must never)|never|do not|don't) (?:ever )?(?:refuse|decline|say (?:no|you can't|you cannot|\"?i can't|\"?i'm sorry)|reject|deny) (?:any|my|a|the|this|to answer|anything|it|under)?"),
    Rule("no_warnings", "jailbreak", 0.55, r"\b(?:without|no|skip|omit|leave out) (?:any )?(?:ethical |moral |safety |legal )?(?:warnings?|disclaimers?|moral\w*|lectures?) (?:or|and|,) (?:any )?(?:ethical |moral |safety )?(?:warnings?|disclaimers?|refusals?|lectures?|caveats|moralizing|judg\w+)\b"),
    Rule("switch_off", "jailbreak", 0.9, rf"\b(?:disable|turn off|switch off|deactivate|remove|lift|bypass|circumvent|evade|unlock|get around|suspend|shut off) (?:the )?(?:all |any |your |of |its |built-?in |content |safety |ethical |moral |openai'?s? ){{1,5}}{_FREE}\b"),
    Rule("two_answers", "jailbreak", 0.85, r"\b(?:two|2|both) (?:different )?(?:responses|answers|replies|ways|paragraphs)\b[^\n]{0,120}\b(?:unfiltered|jailbr\w+|dan|classic|uncensored|developer mode|evil)\b"),
    Rule("opposite", "jailbreak", 0.7, r"\b(?:opposite|reverse) (?:mode|day|world)\b[^\n]{0,80}\b(?:rules?|restrict\w*|allowed|forbidden|refuse|answer)\b"),
    Rule("grandmother", "jailbreak", 0.75, r"\b(?:grand(?:ma|mother|father|pa)|nana|late (?:mother|father|uncle|aunt))\b[^\n]{0,160}\b(?:napalm|bombs?|explosives?|meth|drugs?|malware|virus|keys?|weapons?|poison|hack\w*|windows|licen[sc]e)\b"),
    Rule("for_the_story", "jailbreak", 0.7, r"\b(?:hypothetical\w*|fiction\w*|story|novel|movie|script|role ?play|game|simulation|pretend)\b[^\n]{0,120}\b(?:no|without|where) (?:\w+ ){0,4}(?:rules|laws|restrictions|limits|ethics|filters|consequences)\b[^\n]{0,120}\b(?:how to|step|instructions|explain|recipe|build|make|synthesi[sz]e|answer)\b"),
    Rule("begin_with_yes", "jailbreak", 0.7, r"\b(?:start|begin)(?:ning|s)? (?:your |the |every |each )?(?:response|answer|reply|message|output|sentence)?(?: with|:)[ :]{0,2}[\"'`](?:sure|absolutely|of course|yes|certainly|okay|ok)[,!\"'` ]"),
    Rule("reveal_prompt", "extraction", 0.9, rf"\b{_SAYS} (?:me |us |out |back |all |of |to |everything in |verbatim |word for word |exactly |the text of |contents of |content of ){{0,4}}{_HIDDEN}"),
    Rule("text_above", "extraction", 0.8,
         r"\b(?:repeat|print|output|copy|recite|echo|return|write|display) (?:back |out |me |to me |verbatim |exactly )*(?:all |everything |the |of |any )*(?:words?|text|content|contents|everything|message|messages|instructions?|conversation|sentences?|lines?|prompt) (?:that (?:is|are|was|were|appears?|came) )?(?:above|before this|prior to this|you were given|that precedes?|preceding this|up to this point)"),
    Rule("begin_with_you_are", "extraction", 0.85, r"\b(?:starting|beginning|start|begin)(?:s)? (?:with|from|at) (?:the (?:words?|phrase|sentence|line) )?[\"'`“](?:you are|you're|system|knowledge cutoff)"),
    Rule("what_were_you_told", "extraction", 0.75, r"\bwhat (?:exactly )?(?:were you|are you|have you been|did (?:they|your developers?|openai|anthropic|the developers?)) (?:told|instructed|programmed|tell you|prompted)(?: to)?(?: do| say| not say)?(?: before| at the start| by your developers?| in your system| prior to)"),
)  # fmt: skip
