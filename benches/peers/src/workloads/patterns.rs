//! Regular expressions: patterns as they stand in log parsers, validators and linters,
//! each compiled in four forms and tried on a few lines.

use regex::Regex;

const PASSES: usize = 3;

const PATTERNS: [&str; 48] = [
    // Dates and times.
    r"\d{4}-\d{2}-\d{2}",
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})",
    r"(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/(?:19|20)\d{2}",
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}, \d{4}",
    r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?",
    r"P(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?",
    // The network.
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}",
    r"https?://(?:[\w-]+\.)+[\w-]+(?::\d{1,5})?(?:/[\w./?%&=~#-]*)?",
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)",
    r"(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}",
    r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}",
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
    r#"(?P<host>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d{3}) (?P<bytes>\d+|-)"#,
    r"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) (?P<path>/\S*) HTTP/[12]\.[01]",
    r"(?i:content-(?:type|length|encoding|language|disposition)):\s*(?P<value>[^\r\n]+)",
    r"(?P<key>[\w.-]+)=(?P<value>[^;,\s]+)(?:[;,]\s*|$)",
    // Identifiers and numbers.
    r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?",
    r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?",
    r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*",
    r"#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})",
    r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?",
    r"(?:4\d{3}|5[1-5]\d{2}|6011)(?:[ -]?\d{4}){3}",
    r"\+?(?:\d{1,3}[ .-]?)?\(?\d{2,4}\)?(?:[ .-]?\d{2,4}){2,4}",
    r"[0-9a-f]{40}|[0-9a-f]{64}",
    // Unicode classes.
    r"\p{Lu}\p{Ll}+(?:[ -]\p{Lu}\p{Ll}+)*",
    r"[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*",
    r"\p{Greek}+|\p{Cyrillic}+|\p{Han}+",
    r"\p{Sc}\s?\p{Nd}+(?:[.,]\p{Nd}{2})?",
    r"[^\p{P}\p{S}\s]+",
    r"\w+\s+\w+",
    // Source code.
    r"(?:pub(?:\([^)]*\))? )?(?:const )?(?:async )?fn (?P<name>\w+)(?:<[^>]*>)?\(",
    r"(?:struct|enum|union|trait|type|mod|const|static) (?P<name>[A-Za-z_]\w*)",
    r#""(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*""#,
    r"/\*(?:[^*]|\*+[^*/])*\*+/|//[^\n]*",
    r"(?:if|else|while|for|loop|match|return|break|continue|let|move|ref|mut)",
    r"<(?P<tag>[a-zA-Z][\w-]*)(?:\s+[\w-]+(?:=(?:[^\s>]+|'[^']*'))?)*\s*/?>",
    r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-zA-Z]{2,31});",
    r"\$\{(?P<variable>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}",
    r"(?:[A-Za-z]:)?(?:[\\/][\w .-]+)+\.(?P<extension>\w{1,8})",
    // Words.
    r"ERROR|WARN(?:ING)?|INFO|DEBUG|TRACE|FATAL|CRITICAL|NOTICE",
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day",
    r"alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|sigma|omega",
    r"(?:connection|request|operation) (?:refused|reset|timed out|closed|aborted)",
    r"(?:segmentation fault|bus error|stack overflow|out of memory|double free)",
    r"panicked at (?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+)",
    r"(?:colou?r|behaviou?r|favou?rite|neighbou?r|licen[cs]e|organi[sz]e)",
    r"(?:\w+ly|\w+ness|\w+ment|\w+tion|\w+able|un\w+|re\w+|dis\w+)",
];

const LINES: [&str; 4] = [
    "2018-02-04T11:42:07.310Z WARN request from 10.0.44.17:8080 timed out after 30 s",
    r#"192.0.2.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache.gif HTTP/1.0" 200 2326"#,
    "pub fn open(path: &Path) -> Result<Self, Error> { // see https://example.org/a?b=c",
    "Ελένη Παπαδοπούλου paid €1,250.00 to Jean-Luc O’Neill, +44 20 7946 0018",
];

pub(super) fn run() -> u64 {
    let mut sum = 0;
    for _ in 0..PASSES {
        for pattern in PATTERNS {
            sum += forms(pattern).iter().map(|form| matches(form)).sum::<u64>();
        }
    }
    sum
}

/// As it stands, as a whole line, as a whole word, and in any case.
fn forms(pattern: &str) -> [String; 4] {
    [
        pattern.to_owned(),
        format!("^(?:{pattern})$"),
        format!(r"\b(?:{pattern})\b"),
        format!("(?i:{pattern})"),
    ]
}

fn matches(pattern: &str) -> u64 {
    let regex = Regex::new(pattern).expect("a regular expression");
    let found = LINES.iter().flat_map(|line| regex.find_iter(line));
    found.map(|found| found.len() as u64).sum()
}
