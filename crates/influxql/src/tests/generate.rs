//! Random statements in the shapes the parser makes.

use proptest::{collection::vec, option, prelude::*};

use crate::ast::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,6}", "[ -~äµ\n]{1,8}", Just("select".to_owned())]
        .prop_filter("fill and tz begin clauses", |name| !["fill", "tz"].contains(&name.as_str()))
}

fn regex() -> impl Strategy<Value = String> {
    "[a-z/^.|]{1,6}"
}

fn leaf() -> impl Strategy<Value = Expr> {
    let cast = option::of(prop_oneof![Just(DataType::Float), Just(DataType::Tag), Just(DataType::AnyField)]);
    prop_oneof![
        (name(), cast).prop_map(|(name, cast)| Expr::VarRef { name, cast }),
        any::<i64>().prop_map(Expr::Integer),
        (1 << 63..=u64::MAX).prop_map(Expr::Unsigned),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Expr::Number),
        any::<bool>().prop_map(Expr::Boolean),
        (-(i64::MAX / 2)..i64::MAX / 2).prop_map(Expr::Duration),
        "[ -~\n]{0,6}".prop_map(Expr::String),
        name().prop_map(Expr::Distinct),
        Just(Expr::Wildcard(WildcardKind::Fields)),
    ]
}

/// An arithmetic expression; operands in parentheses where the grammar would group otherwise.
fn value() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let op = prop_oneof![
            Just(BinaryOp::Add),
            Just(BinaryOp::Sub),
            Just(BinaryOp::Mul),
            Just(BinaryOp::Div),
            Just(BinaryOp::BitXor)
        ];
        let call = ("[a-z_]{1,6}", vec(inner.clone(), 0..3));
        prop_oneof![
            (op, inner.clone(), inner.clone()).prop_map(|(op, lhs, rhs)| Expr::binary(op, atom(lhs), atom(rhs))),
            call.prop_map(|(name, args)| Expr::Call { name: format!("{name}_f"), args }),
            inner.prop_map(|expr| Expr::Paren(Box::new(expr))),
        ]
    })
}

fn atom(expr: Expr) -> Expr {
    match expr {
        Expr::Binary { .. } | Expr::And(_) | Expr::Or(_) => Expr::Paren(Box::new(expr)),
        other => other,
    }
}

fn condition() -> impl Strategy<Value = Expr> {
    let op = prop_oneof![Just(BinaryOp::Eq), Just(BinaryOp::Ne), Just(BinaryOp::Ge)];
    let compare = prop_oneof![
        (op, value(), value()).prop_map(|(op, lhs, rhs)| Expr::binary(op, lhs, rhs)),
        (value(), regex()).prop_map(|(lhs, regex)| Expr::binary(BinaryOp::NotMatches, lhs, Expr::Regex(regex))),
    ];
    let all = vec(compare, 2..4).prop_map(Expr::And);
    prop_oneof![all.clone(), vec(all, 2..4).prop_map(Expr::Or)]
}

fn measurement() -> impl Strategy<Value = Measurement> {
    (option::of(name()), option::of(name()), name(), option::of(regex())).prop_map(|parts| {
        let (database, retention_policy, name, regex) = parts;
        let name = if regex.is_some() { String::new() } else { name };
        Measurement { database, retention_policy, name, regex }
    })
}

fn fill() -> impl Strategy<Value = Fill> {
    prop_oneof![
        Just(Fill::Null),
        Just(Fill::None),
        Just(Fill::Previous),
        Just(Fill::Linear),
        any::<i64>().prop_map(Fill::Integer),
        Just(Fill::Number(0.25)),
    ]
}

fn order() -> impl Strategy<Value = Option<SortOrder>> {
    option::of((any::<bool>(), any::<bool>()).prop_map(|(named, ascending)| SortOrder { named, ascending }))
}

fn field() -> impl Strategy<Value = Field> {
    let expr = prop_oneof![value(), regex().prop_map(Expr::Regex)];
    (expr, option::of(name())).prop_map(|(expr, alias)| Field { expr, alias })
}

fn select() -> impl Strategy<Value = Box<Select>> {
    let plain = (
        vec(field(), 1..4),
        vec(measurement().prop_map(Source::Measurement), 1..3),
        option::of(condition()),
        vec(prop_oneof![value(), regex().prop_map(Expr::Regex)], 0..3),
        fill(),
        order(),
        (0..9_u64, 0..9_u64, 0..9_u64, 0..9_u64),
        option::of(Just("Europe/Berlin".to_owned())),
    );
    let select = plain.prop_map(|(fields, sources, condition, dimensions, fill, order, limits, location)| {
        let (limit, offset, slimit, soffset) = limits;
        let target = None;
        Box::new(Select {
            fields,
            target,
            sources,
            condition,
            dimensions,
            fill,
            order,
            limit,
            offset,
            slimit,
            soffset,
            location,
        })
    });
    select.prop_recursive(2, 4, 1, |inner| {
        (inner.clone(), inner).prop_map(|(mut outer, inner)| {
            outer.sources.push(Source::SubQuery(inner));
            outer
        })
    })
}

fn tail() -> impl Strategy<Value = ShowTail> {
    let sources = vec(measurement().prop_map(Source::Measurement), 0..3);
    (option::of(name()), sources, option::of(condition()), order(), 0..9_u64, 0..9_u64).prop_map(
        |(database, sources, condition, order, limit, offset)| ShowTail {
            database,
            sources,
            condition,
            order,
            limit,
            offset,
        },
    )
}

fn key() -> impl Strategy<Value = KeyFilter> {
    prop_oneof![
        vec(name(), 1..3).prop_map(KeyFilter::In),
        name().prop_map(KeyFilter::Eq),
        regex().prop_map(KeyFilter::NotMatches),
    ]
}

fn nanos() -> impl Strategy<Value = i64> {
    0..i64::MAX
}

fn definition() -> impl Strategy<Value = Statement> {
    let options = (option::of(nanos()), option::of(1..9_u32), any::<bool>(), option::of(1..i64::MAX));
    (name(), name(), nanos(), options).prop_map(|(name, database, duration, options)| {
        let (shard_duration, replication, default, past_limit) = options;
        if let Some(replication) = replication {
            return Statement::CreateRetentionPolicy(Box::new(CreateRetentionPolicy {
                name,
                database,
                duration,
                replication,
                shard_duration: shard_duration.filter(|nanos| *nanos != 0),
                default,
                future_limit: None,
                past_limit,
            }));
        }
        Statement::AlterRetentionPolicy(Box::new(AlterRetentionPolicy {
            name,
            database,
            duration: Some(duration),
            replication,
            shard_duration,
            default,
            future_limit: past_limit,
            past_limit: None,
        }))
    })
}

/// Any statement of a kind whose printed form loses nothing.
pub(super) fn statement() -> impl Strategy<Value = Statement> {
    let tag_keys = (tail(), option::of(key()))
        .prop_map(|(tail, key)| Statement::ShowTagKeys(Box::new(ShowTagKeys { tail, key, slimit: 1, soffset: 0 })));
    let tag_values =
        (tail(), key()).prop_map(|(tail, key)| Statement::ShowTagValues(Box::new(ShowTagValues { tail, key })));
    let deletion = condition().prop_map(|condition| Deletion { sources: Vec::new(), condition: Some(condition) });
    prop_oneof![
        4 => select().prop_map(Statement::Select),
        1 => (any::<bool>(), select())
            .prop_map(|(analyze, select)| Statement::Explain(Explain { analyze, verbose: !analyze, select })),
        1 => tail().prop_map(|tail| Statement::ShowSeries(Box::new(tail))),
        1 => tag_keys,
        1 => tag_values,
        1 => deletion.prop_map(Statement::Delete),
        1 => name().prop_map(Statement::DropMeasurement),
        1 => definition(),
        1 => (name(), name())
            .prop_map(|(database, user)| Statement::Grant(Grantee { privilege: Privilege::All, database, user })),
    ]
}
