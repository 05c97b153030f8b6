//! What passes, what fails where, and that printing and reading are inverse.

use proptest::prelude::*;

use super::*;

fn ok(text: &str) -> String {
    parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}")).to_string()
}

fn fails(text: &str) -> Vec<(String, &str)> {
    parse(text).expect_err(text).into_iter().map(|e| (e.message, &text[e.span])).collect()
}

#[test]
fn precedence_is_that_of_go() {
    let expr = parse("A() || B() && !C()").unwrap();
    let ExprKind::Or(parts) = &expr.kind else { panic!("{expr:?}") };
    assert!(matches!(&parts[1].kind, ExprKind::And(and) if matches!(and[1].kind, ExprKind::Not(_))));
}

#[test]
fn canonical_form_keeps_needed_parentheses_only() {
    assert_eq!(ok("((A())&&(B( \"x\" ,`y`)||C()))"), "A() && (B(`x`, `y`) || C())");
    assert_eq!(ok("(A() && B()) && C()"), "(A() && B()) && C()");
    assert_eq!(ok("(A() && B()) || !(C())"), "A() && B() || !C()");
    assert_eq!(ok("!(A()||B())"), "!(A() || B())");
}

#[test]
fn line_breaks_follow_go() {
    for text in [
        "A() &&\n B()",
        "A(\n`x`,\n)",
        "(\nA() ||\n\nB())",
        "A()\n",
        "\n!\nA()",
        "A() // end\n",
        "A() && // x\nB()",
    ] {
        assert!(parse(text).is_ok(), "{text:?}");
    }
    for text in ["A()\n&& B()", "(A()\n)", "A(`x`\n)", "A\n()", "A() /*\n*/ && B()"] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert_eq!(fails("A(`x`\n)")[0].0, "missing ',' before newline in argument list, found newline");
}

#[test]
fn comments_pass() {
    assert_eq!(ok("A() /* why */ && /**/ B(/* none */)"), "A() && B()");
    assert_eq!(fails("A() /* open"), [("comment not terminated".to_owned(), "/* open")]);
}

#[test]
fn strings_have_the_escapes_of_go() {
    let expr = parse(r#"A("\x41\102\u00e9\U0001F600\t\"\\", `\d\n`)"#).unwrap();
    let ExprKind::Call(call) = expr.kind else { panic!() };
    assert_eq!(call.args[0].value, Value::Text("AB\u{e9}\u{1f600}\t\"\\".into()));
    assert_eq!(call.args[1].value, Value::Text("\\d\\n".into()));
    assert_eq!(fails(r#"A("a\d")"#), [("unknown escape sequence".to_owned(), r"\d")]);
    assert_eq!(fails(r#"A("\xff")"#)[0].0, "string is not valid UTF-8");
    assert_eq!(fails(r#"A("\ud800")"#)[0].1, r"\ud800");
    assert_eq!(fails("A(\"a\n\")")[0].0, "string literal not terminated");
}

#[test]
fn comparisons_of_calls_and_numbers() {
    assert_eq!(
        ok("NetworkErrorRatio()>0.30||ResponseCodeRatio(500,600,0,600) >= .25 && Latency(50.0) != 10"),
        "NetworkErrorRatio() > 0.3 || ResponseCodeRatio(500, 600, 0, 600) >= 0.25 && Latency(50.0) != 10"
    );
    assert_eq!(ok("Attempts() <= 2"), "Attempts() <= 2");
    assert_eq!(fails("1 < 2")[0].0, "a comparison of two constants");
    assert_eq!(fails("!A() > 1")[0].1, "A() > 1");
    assert_eq!(ok("!(A() > 1)"), "!(A() > 1)");
    assert!(parse("A() > 1 > 2").is_err());
    assert!(parse("99999999999999999999").is_err());
    assert!(parse("A() > 0x10").is_err());
}

#[test]
fn errors_say_what_and_where() {
    assert_eq!(fails("Host(`a`"), [("expected ',' or ')', found the end of the text".to_owned(), "")]);
    assert_eq!(fails("Host(`a"), [("raw string literal not terminated".to_owned(), "`a")]);
    assert_eq!(fails("Host(`a`) &&"), [("expected operand, found the end of the text".to_owned(), "")]);
    assert_eq!(fails("Host(`a`) Path(`/`)"), [("expected operator, found `Path`".to_owned(), "Path")]);
    assert_eq!(fails("Host('a')"), [("single quotes do not make a string".to_owned(), "'")]);
    assert_eq!(fails("Host"), [("expected '(' after `Host`, found the end of the text".to_owned(), "Host")]);
    assert_eq!(fails("A())"), [("expected operator, found `)`".to_owned(), ")")]);
    assert_eq!(fails("A() & B()"), [("unsupported operator '&'".to_owned(), "&")]);
    assert_eq!(fails("")[0].0, "expression is empty");
    assert_eq!(fails(" \n/* */ ")[0].0, "expression is empty");
}

#[test]
fn several_errors_of_one_text() {
    let errors = fails("A(x) && (B(`1`) || C(!)) && D || E('q')");
    let found: Vec<_> = errors.iter().map(|(_, text)| *text).collect();
    assert_eq!(found, ["x", "!", "D", "'"]);
}

#[test]
fn what_is_understood_survives_errors() {
    let (expr, errors) = parse_partial("Hosst(`a`) && Host(x) && Path(`/`)");
    assert_eq!(errors.len(), 1);
    let mut names = Vec::new();
    expr.unwrap().for_each_call(&mut |call| names.push(call.name.clone()));
    assert_eq!(names, ["Hosst", "Path"]);
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}A(){}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(parse(&nested(MAX_DEPTH + 1)).unwrap_err().len(), 1);
    assert!(parse(&nested(100_000)).is_err());
    assert!(parse(&"!".repeat(100_000)).is_err());
    assert!(parse(&"(".repeat(MAX_LENGTH)).is_err());
    assert!(parse(&" ".repeat(MAX_LENGTH + 1)).unwrap_err()[0].message.contains("limit"));
    assert!(parse(&"'".repeat(5000)).unwrap_err().len() <= MAX_ERRORS);
    // A long chain is wide, not deep.
    assert!(parse(&vec!["A()"; 20_000].join(" || ")).is_ok());
}

#[test]
fn spans_cover_what_they_name() {
    let text = " (Host(`a`) || !Path( `/b` ))";
    let expr = parse(text).unwrap();
    assert_eq!(&text[expr.span.clone()], text.trim());
    let ExprKind::Or(parts) = &expr.kind else { panic!() };
    assert_eq!(&text[parts[1].span.clone()], "!Path( `/b` )");
    let mut calls = Vec::new();
    expr.for_each_call(&mut |c| calls.push((&text[c.name_span.clone()], &text[c.args[0].span.clone()])));
    assert_eq!(calls, [("Host", "`a`"), ("Path", "`/b`")]);
}

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<String>().prop_map(Value::Text),
        "[a-z`\\\\\"\r\n./]{0,8}".prop_map(Value::Text),
        (0..=i64::MAX).prop_map(Value::Int),
        (0.0..1e300_f64).prop_map(Value::Float),
    ]
    .prop_map(|value| Literal { value, span: 0..0 })
}

fn any_call() -> impl Strategy<Value = Call> {
    ("[A-Za-z_][A-Za-z0-9_]{0,8}", prop::collection::vec(any_literal(), 0..3)).prop_map(|(name, args)| Call {
        name,
        name_span: 0..0,
        args,
        span: 0..0,
    })
}

fn any_comparison() -> impl Strategy<Value = ExprKind> {
    use Operator::*;
    let operator = prop::sample::select(vec![Greater, Less, GreaterOrEqual, LessOrEqual, Equal, NotEqual]);
    let right = prop_oneof![any_call().prop_map(Operand::Call), any_literal().prop_map(Operand::Literal)];
    (operator, any_call(), right).prop_map(|(operator, left, right)| {
        ExprKind::Compare(Comparison { operator, left: Operand::Call(left), right })
    })
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![any_call().prop_map(ExprKind::Call), any_comparison()];
    let leaf = leaf.prop_map(|kind| Expr { kind, span: 0..0 });
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(ExprKind::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(ExprKind::Or),
            inner.prop_map(|e| ExprKind::Not(Box::new(e))),
        ]
        .prop_map(|kind| Expr { kind, span: 0..0 })
    })
}

proptest! {
    #[test]
    fn reading_inverts_printing(expr in any_expr()) {
        let text = expr.to_string();
        let read = parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&expr), "{}", text);
    }

    #[test]
    fn any_text_gives_an_answer(text in prop_oneof![any::<String>(), "[A-B`\"'()!&|<>=, \n/*0-9.\\\\]{0,60}"]) {
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.is_empty() && errors.len() <= MAX_ERRORS);
            for error in errors {
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?} in {:?}", error, text);
            }
        }
    }
}
