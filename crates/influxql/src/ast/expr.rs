//! Expressions: what stands in SELECT, WHERE, GROUP BY and as function arguments.
//!
//! `a AND b AND c` is one [`Expr::And`] with three members (likewise `OR`); all other operators are binary and lean left.
//! Parentheses are kept ([`Expr::Paren`]) because the printed form keeps them.

/// Type named after `::`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `::float`
    Float,
    /// `::integer`
    Integer,
    /// `::unsigned`
    Unsigned,
    /// `::string`
    String,
    /// `::boolean`
    Boolean,
    /// `::field`: a field of any type.
    AnyField,
    /// `::tag`
    Tag,
}

impl DataType {
    /// The word after `::`.
    pub fn word(self) -> &'static str {
        match self {
            DataType::Float => "float",
            DataType::Integer => "integer",
            DataType::Unsigned => "unsigned",
            DataType::String => "string",
            DataType::Boolean => "boolean",
            DataType::AnyField => "field",
            DataType::Tag => "tag",
        }
    }
}

/// What `*` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WildcardKind {
    /// `*`: fields and tags.
    All,
    /// `*::field`
    Fields,
    /// `*::tag`
    Tags,
}

/// Operator with two operands. `AND` and `OR` are no members: see [`Expr::And`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
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
    /// `=`
    Eq,
    /// `!=` or `<>`
    Ne,
    /// `=~`; the right operand is an [`Expr::Regex`].
    Matches,
    /// `!~`; the right operand is an [`Expr::Regex`].
    NotMatches,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl BinaryOp {
    /// The operator as printed.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::BitAnd => "&",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::Eq => "=",
            BinaryOp::Ne => "!=",
            BinaryOp::Matches => "=~",
            BinaryOp::NotMatches => "!~",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
        }
    }

    /// The operator that says the same of two sides exchanged, for a comparison; any other stays as it is.
    #[must_use]
    pub fn mirrored(self) -> BinaryOp {
        match self {
            BinaryOp::Lt => BinaryOp::Gt,
            BinaryOp::Le => BinaryOp::Ge,
            BinaryOp::Gt => BinaryOp::Lt,
            BinaryOp::Ge => BinaryOp::Le,
            other => other,
        }
    }

    /// Whether the result is a truth value by comparison (`=` and the like, `=~` included).
    pub fn is_comparison(self) -> bool {
        self.precedence() == 3
    }

    /// Binding strength: 3 comparisons, 4 `+ - | ^`, 5 `* / % &` (1 and 2 are `OR` and `AND`).
    pub fn precedence(self) -> u8 {
        match self {
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::BitAnd => 5,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::BitOr | BinaryOp::BitXor => 4,
            _ => 3,
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `lhs op rhs`. `-x` of a name, call or parenthesis is `-1 * x`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        lhs: Box<Expr>,
        /// Right operand.
        rhs: Box<Expr>,
    },
    /// Two or more members joined by `AND`.
    And(Vec<Expr>),
    /// Two or more members joined by `OR`.
    Or(Vec<Expr>),
    /// `( expr )`
    Paren(Box<Expr>),
    /// `name(args)`
    Call {
        /// Function name in lower case.
        name: String,
        /// Arguments.
        args: Vec<Expr>,
    },
    /// Name of a field, a tag or `time`; segments `a.b` are joined by dots.
    VarRef {
        /// The name.
        name: String,
        /// The type after `::`, if any.
        cast: Option<DataType>,
    },
    /// `DISTINCT name` without parentheses.
    Distinct(String),
    /// `*`
    Wildcard(WildcardKind),
    /// `/re/`: the source text without the slashes, `\/` already unescaped, in Go syntax (see [`crate::regex::to_rust`]).
    Regex(String),
    /// `'text'`
    String(String),
    /// Whole number.
    Integer(i64),
    /// Whole number above the range of `i64`.
    Unsigned(u64),
    /// Number with a point.
    Number(f64),
    /// `true` or `false`
    Boolean(bool),
    /// Duration in nanoseconds.
    Duration(i64),
}

impl Expr {
    /// A plain reference to `name`.
    pub fn var(name: impl Into<String>) -> Expr {
        Expr::VarRef { name: name.into(), cast: None }
    }

    /// `lhs op rhs`.
    pub fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
        Expr::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }
    }

    /// `lhs AND rhs` as one flat list.
    pub fn and(lhs: Expr, rhs: Expr) -> Expr {
        let mut members = match lhs {
            Expr::And(members) => members,
            Expr::Or(_) => vec![Expr::Paren(Box::new(lhs))],
            other => vec![other],
        };
        match rhs {
            Expr::And(more) => members.extend(more),
            Expr::Or(_) => members.push(Expr::Paren(Box::new(rhs))),
            other => members.push(other),
        }
        Expr::And(members)
    }

    /// The expression inside any number of parentheses.
    pub fn without_parens(&self) -> &Expr {
        let mut expr = self;
        while let Expr::Paren(inner) = expr {
            expr = inner;
        }
        expr
    }

    /// The direct parts of the expression, left to right.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Binary { lhs, rhs, .. } => vec![lhs, rhs],
            Expr::And(members) | Expr::Or(members) => members.iter().collect(),
            Expr::Paren(inner) => vec![inner],
            Expr::Call { args, .. } => args.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Calls `visit` for the expression and all its parts, each before its own parts, left to right.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        match self {
            Expr::Binary { lhs, rhs, .. } => {
                lhs.walk(visit);
                rhs.walk(visit);
            }
            Expr::And(members) | Expr::Or(members) | Expr::Call { args: members, .. } => {
                members.iter().for_each(|member| member.walk(visit));
            }
            Expr::Paren(inner) => inner.walk(visit),
            _ => {}
        }
    }

    /// Whether a function call stands anywhere in the expression.
    pub fn has_call(&self) -> bool {
        let mut found = false;
        self.walk(&mut |part| found |= matches!(part, Expr::Call { .. }));
        found
    }

    /// The column name InfluxDB gives an unaliased field with this expression; may be empty.
    pub fn default_name(&self) -> String {
        match self.without_parens() {
            Expr::Call { name, .. } | Expr::VarRef { name, .. } => name.clone(),
            Expr::Distinct(_) => "distinct".to_owned(),
            binary @ Expr::Binary { .. } => {
                let mut names = Vec::new();
                binary.operand_names(&mut names);
                names.join("_")
            }
            _ => String::new(),
        }
    }

    /// Names of the references and outermost calls, left to right.
    fn operand_names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Expr::VarRef { name, .. } | Expr::Call { name, .. } => names.push(name),
            Expr::Distinct(_) => names.push("distinct"),
            Expr::Binary { lhs, rhs, .. } => {
                lhs.operand_names(names);
                rhs.operand_names(names);
            }
            Expr::Paren(inner) => inner.operand_names(names),
            Expr::And(members) | Expr::Or(members) => members.iter().for_each(|member| member.operand_names(names)),
            _ => {}
        }
    }
}
