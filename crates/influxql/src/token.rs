//! Kinds of tokens, their printed names and the keywords.
//!
//! The printed name is what an error message shows when the token carries no text of its own; a few kinds have none.

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tok {
    /// A character or comment that is no token.
    Illegal,
    /// End of the text.
    Eof,
    /// White space.
    Ws,
    /// A comment.
    Comment,
    /// A name.
    Ident,
    /// `$name`.
    BoundParam,
    /// Number with a point.
    Number,
    /// Whole number.
    Integer,
    /// Digits and letters.
    DurationVal,
    /// `'text'`.
    Str,
    /// String without end.
    BadString,
    /// Unknown escape in a string.
    BadEscape,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `/re/`.
    Regex,
    /// Regex without end.
    BadRegex,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `=`
    Eq,
    /// `!=`, `<>`
    Ne,
    /// `=~`
    EqRegex,
    /// `!~`
    NeRegex,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `(`
    LParen,
    /// `)`
    RParen,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `::`
    DoubleColon,
    /// `;`
    Semicolon,
    /// `.`
    Dot,
    // Keywords, whose text is their name.
    All,
    Alter,
    Analyze,
    Any,
    As,
    Asc,
    Begin,
    By,
    Cardinality,
    Create,
    Continuous,
    Database,
    Databases,
    Default,
    Delete,
    Desc,
    Destinations,
    Diagnostics,
    Distinct,
    Drop,
    Duration,
    End,
    Every,
    Exact,
    Explain,
    Field,
    For,
    From,
    Future,
    Grant,
    Grants,
    Group,
    Groups,
    In,
    Inf,
    Insert,
    Into,
    Key,
    Keys,
    Kill,
    Limit,
    Measurement,
    Measurements,
    Name,
    Offset,
    On,
    Order,
    Password,
    Past,
    Policy,
    Policies,
    Privileges,
    Queries,
    Query,
    Read,
    Replication,
    Resample,
    Retention,
    Revoke,
    Select,
    Series,
    Set,
    Show,
    Shard,
    Shards,
    Slimit,
    Soffset,
    Stats,
    Subscription,
    Subscriptions,
    Tag,
    To,
    User,
    Users,
    Values,
    Verbose,
    Where,
    With,
    Write,
}

impl Tok {
    /// The name an error message shows for a token without text.
    pub(crate) fn name(self) -> &'static str {
        if let Some(symbol) = self.symbol() {
            return symbol;
        }
        KEYWORDS.iter().find(|(_, tok)| *tok == self).map_or("", |(name, _)| name)
    }

    /// Name of a token that is no keyword, nor a kind that messages leave blank.
    fn symbol(self) -> Option<&'static str> {
        Some(match self {
            Tok::Illegal => "ILLEGAL",
            Tok::Eof => "EOF",
            Tok::Ws => "WS",
            Tok::Ident => "IDENT",
            Tok::Number => "NUMBER",
            Tok::DurationVal => "DURATIONVAL",
            Tok::Str => "STRING",
            Tok::BadString => "BADSTRING",
            Tok::BadEscape => "BADESCAPE",
            Tok::Regex => "REGEX",
            Tok::Add => "+",
            Tok::Sub => "-",
            Tok::Mul => "*",
            Tok::Div => "/",
            Tok::Mod => "%",
            Tok::BitAnd => "&",
            Tok::BitOr => "|",
            Tok::BitXor => "^",
            Tok::Eq => "=",
            Tok::Ne => "!=",
            Tok::EqRegex => "=~",
            Tok::NeRegex => "!~",
            Tok::Lt => "<",
            Tok::Le => "<=",
            Tok::Gt => ">",
            Tok::Ge => ">=",
            Tok::LParen => "(",
            Tok::RParen => ")",
            Tok::Comma => ",",
            Tok::Colon => ":",
            Tok::DoubleColon => "::",
            Tok::Semicolon => ";",
            Tok::Dot => ".",
            _ => return None,
        })
    }
}

/// All keywords, sorted, so that a word is found by bisection.
#[rustfmt::skip]
static KEYWORDS: [(&str, Tok); 83] = [
    ("ALL", Tok::All),
    ("ALTER", Tok::Alter),
    ("ANALYZE", Tok::Analyze),
    ("AND", Tok::And),
    ("ANY", Tok::Any),
    ("AS", Tok::As),
    ("ASC", Tok::Asc),
    ("BEGIN", Tok::Begin),
    ("BY", Tok::By),
    ("CARDINALITY", Tok::Cardinality),
    ("CONTINUOUS", Tok::Continuous),
    ("CREATE", Tok::Create),
    ("DATABASE", Tok::Database),
    ("DATABASES", Tok::Databases),
    ("DEFAULT", Tok::Default),
    ("DELETE", Tok::Delete),
    ("DESC", Tok::Desc),
    ("DESTINATIONS", Tok::Destinations),
    ("DIAGNOSTICS", Tok::Diagnostics),
    ("DISTINCT", Tok::Distinct),
    ("DROP", Tok::Drop),
    ("DURATION", Tok::Duration),
    ("END", Tok::End),
    ("EVERY", Tok::Every),
    ("EXACT", Tok::Exact),
    ("EXPLAIN", Tok::Explain),
    ("FALSE", Tok::False),
    ("FIELD", Tok::Field),
    ("FOR", Tok::For),
    ("FROM", Tok::From),
    ("FUTURE", Tok::Future),
    ("GRANT", Tok::Grant),
    ("GRANTS", Tok::Grants),
    ("GROUP", Tok::Group),
    ("GROUPS", Tok::Groups),
    ("IN", Tok::In),
    ("INF", Tok::Inf),
    ("INSERT", Tok::Insert),
    ("INTO", Tok::Into),
    ("KEY", Tok::Key),
    ("KEYS", Tok::Keys),
    ("KILL", Tok::Kill),
    ("LIMIT", Tok::Limit),
    ("MEASUREMENT", Tok::Measurement),
    ("MEASUREMENTS", Tok::Measurements),
    ("NAME", Tok::Name),
    ("OFFSET", Tok::Offset),
    ("ON", Tok::On),
    ("OR", Tok::Or),
    ("ORDER", Tok::Order),
    ("PASSWORD", Tok::Password),
    ("PAST", Tok::Past),
    ("POLICIES", Tok::Policies),
    ("POLICY", Tok::Policy),
    ("PRIVILEGES", Tok::Privileges),
    ("QUERIES", Tok::Queries),
    ("QUERY", Tok::Query),
    ("READ", Tok::Read),
    ("REPLICATION", Tok::Replication),
    ("RESAMPLE", Tok::Resample),
    ("RETENTION", Tok::Retention),
    ("REVOKE", Tok::Revoke),
    ("SELECT", Tok::Select),
    ("SERIES", Tok::Series),
    ("SET", Tok::Set),
    ("SHARD", Tok::Shard),
    ("SHARDS", Tok::Shards),
    ("SHOW", Tok::Show),
    ("SLIMIT", Tok::Slimit),
    ("SOFFSET", Tok::Soffset),
    ("STATS", Tok::Stats),
    ("SUBSCRIPTION", Tok::Subscription),
    ("SUBSCRIPTIONS", Tok::Subscriptions),
    ("TAG", Tok::Tag),
    ("TO", Tok::To),
    ("TRUE", Tok::True),
    ("USER", Tok::User),
    ("USERS", Tok::Users),
    ("VALUES", Tok::Values),
    ("VERBOSE", Tok::Verbose),
    ("WHERE", Tok::Where),
    ("WITH", Tok::With),
    ("WRITE", Tok::Write),
];

/// Length of the longest keyword.
const LONGEST: usize = 13;

/// For each letter where the keywords begin that begin with it, and at last their number.
const STARTS: [usize; 27] = {
    let (mut starts, mut letter) = ([0; 27], 0);
    while letter < starts.len() {
        let mut at = 0;
        while at < KEYWORDS.len() && KEYWORDS[at].0.as_bytes()[0] < b'A' + letter as u8 {
            at += 1;
        }
        starts[letter] = at;
        letter += 1;
    }
    starts
};

/// The keyword of this spelling in any case, or `Tok::Ident`.
pub(crate) fn lookup(word: &str) -> Tok {
    let mut upper = [0_u8; LONGEST];
    let Some(buffer) = upper.get_mut(..word.len()) else { return Tok::Ident };
    buffer.copy_from_slice(word.as_bytes());
    buffer.make_ascii_uppercase();
    let Some(letter) = buffer.first().and_then(|first| first.checked_sub(b'A')).map(usize::from) else {
        return Tok::Ident;
    };
    let (Some(&start), Some(&end)) = (STARTS.get(letter), STARTS.get(letter + 1)) else { return Tok::Ident };
    let found = KEYWORDS[start..end].iter().find(|(name, _)| name.as_bytes() == buffer);
    found.map_or(Tok::Ident, |&(_, tok)| tok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_and_found_in_any_case() {
        assert!(KEYWORDS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(KEYWORDS.iter().all(|(name, _)| name.len() <= LONGEST));
        for (name, tok) in KEYWORDS {
            assert_eq!(lookup(name), tok);
            assert_eq!(lookup(&name.to_lowercase()), tok);
            assert_eq!(tok.name(), name);
        }
        assert_eq!(lookup("selec"), Tok::Ident);
        assert_eq!(lookup("subscriptionsx"), Tok::Ident);
        assert_eq!(lookup(""), Tok::Ident);
    }
}
