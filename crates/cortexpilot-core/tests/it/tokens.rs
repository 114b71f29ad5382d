//! Personal tokens: who makes them, for whom, and that a dead one opens nothing.

use cortexpilot_core::app::govern::{NewToken, Stating};
use cortexpilot_core::app::identity::Identity;
use cortexpilot_core::app::{ApplyRequest, Failure};
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::principal::{
    Caller, KnownBy, PRINCIPAL_ID_MAX, Principal, PrincipalKind, Surface, parse_roles,
};
use cortexpilot_core::domain::queue::FinalStatus;
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::domain::token::{TOKEN_TTL_MAX, TokenId, TokenName, TokenRecord, TokenText};
use cortexpilot_core::error::ErrorCode;
use jiff::SignedDuration;

use crate::support::{
    World, agent_of, ask, asking, caller, denial, now, person, principal, queued, role, saying, seconds, start, yes,
};

fn new(kind: PrincipalKind, name: &str, roles: &str) -> NewToken {
    NewToken {
        kind,
        name: TokenName::parse(name).expect("a name"),
        roles: parse_roles(roles).expect("roles"),
        sponsor: None,
        ttl: seconds(3600),
    }
}

fn create(world: &World, who: &Caller, token: NewToken) -> Result<(TokenText, TokenRecord), Failure> {
    now(world.app.create_token(who, token, Stating { role: role("OPS"), ..Stating::default() }))
}

fn rotate(world: &World, who: &Caller, of: &TokenRecord) -> Result<(TokenText, TokenRecord), Failure> {
    now(world.app.rotate_token(who, of.id.as_str(), seconds(7200), Stating { role: role("OPS"), ..Stating::default() }))
}

fn identify(world: &World, text: &TokenText) -> Identity {
    now(world.app.reader().identify(text)).expect("the store answers")
}

#[test]
fn a_token_stands_for_its_principal_and_its_text_is_written_down_nowhere() {
    let world = World::new();
    for (kind, roles) in
        [(PrincipalKind::Operator, "OPS"), (PrincipalKind::Agent, "OPS,ARCHITECT"), (PrincipalKind::Worker, "")]
    {
        let (text, record) = create(&world, &person("keeper"), new(kind, "carl", roles)).expect("the keeper may");
        let name = format!("{}:carl", kind.as_str());
        assert_eq!((record.principal_id(), record.created_by.as_str()), (name.clone(), "local:keeper"));
        let who = record.principal();
        assert_eq!((who.id, who.kind, who.known_by), (name, kind, KnownBy::Token(record.id.clone())));
        assert_eq!(who.roles, parse_roles(roles).expect("roles"));
        let sponsor = (kind == PrincipalKind::Agent).then(|| "local:keeper".to_owned());
        assert_eq!(
            record.sponsor, sponsor,
            "an agent is answered for by whoever made it, unless somebody else is named"
        );
        assert_eq!(identify(&world, &text), Identity::Known(Box::new(record.principal())));
        assert_eq!(TokenText::parse(text.reveal()), Some(text.clone()));
        let all = world.store.decisions().concat();
        let secret = text.reveal().rsplit('_').next().expect("the secret");
        assert!(!all.contains(secret) && !all.contains(&secret[..32]) && all.contains(&text.digest().to_string()));
        assert!(!format!("{text:?} {record:?}").contains(secret));
        // The same name of the same kind is the same principal: no second text of a stranger stands for it.
        let forged = TokenText::new(kind, record.id.clone(), [0xee; 32]);
        assert_eq!(identify(&world, &forged), Identity::Unknown);
    }
    let unknown = TokenText::new(PrincipalKind::Operator, TokenId::from_bytes([0xee; 6]), [0xee; 32]);
    assert_eq!(identify(&world, &unknown), Identity::Unknown);
}

#[test]
fn tokens_are_made_by_operators_on_the_machine_alone() {
    let world = World::new();
    let (text, old) = create(&world, &person("keeper"), new(PrincipalKind::Operator, "ann", "OPS")).expect("made");
    let ann = caller(Surface::Http, old.principal());
    let at_the_keyboard = Caller { surface: Surface::Cli, ..ann.clone() };
    let rows: [(&str, Caller, ErrorCode); 7] = [
        ("an operator over HTTP", ann.clone(), ErrorCode::ScopeForbidden),
        ("an operator through MCP", Caller { surface: Surface::Mcp, ..ann }, ErrorCode::ScopeForbidden),
        ("an agent", agent_of("alice"), ErrorCode::ScopeForbidden),
        ("an agent at the keyboard", Caller { surface: Surface::Cli, ..agent_of("alice") }, ErrorCode::ScopeForbidden),
        ("a worker", caller(Surface::Cli, principal("worker:w", PrincipalKind::Worker, "")), ErrorCode::ScopeForbidden),
        ("anybody", caller(Surface::Cli, Principal::anonymous()), ErrorCode::ScopeForbidden),
        ("nobody", Caller { principal: None, surface: Surface::Cli }, ErrorCode::Unauthenticated),
    ];
    let before = now(world.app.reader().tokens()).expect("the store answers");
    for (name, who, code) in rows {
        assert_eq!(denial(create(&world, &who, new(PrincipalKind::Agent, "x", "OPS"))).code, code, "{name}");
        assert_eq!(denial(rotate(&world, &who, &old)).code, code, "{name}");
    }
    assert_eq!(now(world.app.reader().tokens()).expect("the store answers"), before);
    assert_eq!(identify(&world, &text), Identity::Known(Box::new(old.principal())));
    create(&world, &at_the_keyboard, new(PrincipalKind::Agent, "x", "OPS")).expect("with a token, at the keyboard");
}

#[test]
fn nobody_gives_a_role_they_do_not_hold_and_each_kind_has_its_scope() {
    let world = World::new();
    let keeper = person("keeper");
    let rows = [
        (PrincipalKind::Operator, "OWNER", false),
        (PrincipalKind::Operator, "OPS,OWNER", false),
        (PrincipalKind::Operator, "", false),
        (PrincipalKind::Agent, "TECH_LEAD", false),
        (PrincipalKind::Agent, "", false),
        (PrincipalKind::Worker, "OPS", false),
        (PrincipalKind::Anonymous, "", false),
        (PrincipalKind::Operator, "OPS,ARCHITECT", true),
        (PrincipalKind::Agent, "ARCHITECT", true),
        (PrincipalKind::Worker, "", true),
    ];
    for (kind, roles, made) in rows {
        let answer = create(&world, &keeper, new(kind, "carl", roles));
        match made {
            true => {
                answer.expect("its own roles");
            }
            false => assert_eq!(denial(answer).code, ErrorCode::RoleForbidden, "{kind:?} {roles}"),
        }
    }
    // Nor is a token with such a role renewed by somebody who does not hold it.
    let lesser = caller(Surface::Cli, principal("local:lesser", PrincipalKind::Operator, "OPS"));
    let tokens = now(world.app.reader().tokens()).expect("the store answers");
    let architect = tokens.iter().find(|token| token.kind == PrincipalKind::Agent).expect("made above");
    assert_eq!(denial(rotate(&world, &lesser, architect)).code, ErrorCode::RoleForbidden);
}

#[test]
fn a_sponsor_is_a_principals_id_and_only_agents_have_one() {
    let world = World::new();
    let sponsored = |kind, name: &str, roles: &str, sponsor: &str| {
        let token = NewToken { sponsor: Some(sponsor.to_owned()), ..new(kind, name, roles) };
        create(&world, &person("keeper"), token).map(|(_, record)| record.sponsor)
    };
    for bad in ["", " ", "a\u{202e}b", "a\nb", &"x".repeat(PRINCIPAL_ID_MAX + 1), &"x".repeat(100_000)] {
        let refused = denial(sponsored(PrincipalKind::Agent, "a", "OPS", bad));
        assert_eq!(refused.code.row().status, 422, "{bad:.20}");
    }
    let longest = "ä".repeat(PRINCIPAL_ID_MAX);
    assert_eq!(sponsored(PrincipalKind::Agent, "a", "OPS", &longest).expect("it fits"), Some(longest));
    assert_eq!(sponsored(PrincipalKind::Operator, "b", "OPS", "local:x").expect("made"), None);
}

#[test]
fn a_principal_has_one_token_and_for_a_change_two() {
    let world = World::new();
    let keeper = person("keeper");
    let (first_text, first) = create(&world, &keeper, new(PrincipalKind::Agent, "bot", "OPS")).expect("the first");
    assert_eq!(denial(create(&world, &keeper, new(PrincipalKind::Agent, "bot", "OPS"))).code, ErrorCode::TokenLimit);
    create(&world, &keeper, new(PrincipalKind::Operator, "bot", "OPS")).expect("another kind is another principal");
    let (second_text, second) = rotate(&world, &keeper, &first).expect("the second");
    let same = |record: &TokenRecord| (record.kind, record.name.clone(), record.roles.clone(), record.sponsor.clone());
    assert_eq!(same(&first), same(&second));
    assert_ne!((&first.id, first.sha256), (&second.id, second.sha256));
    for text in [&first_text, &second_text] {
        assert!(matches!(identify(&world, text), Identity::Known(_)), "both live until one is taken back");
    }
    for of in [&first, &second] {
        assert_eq!(denial(rotate(&world, &keeper, of)).code, ErrorCode::TokenLimit);
    }
    let revoke = |id: &str| now(world.app.revoke_token(&keeper, id, Stating::default()));
    let revoked = revoke(first.id.as_str()).expect("the keeper may");
    assert_eq!(revoke(first.id.as_str()).expect("once more"), revoked, "the first revocation stands");
    assert_eq!((identify(&world, &first_text), revoked.revoked.is_some()), (Identity::Revoked, true));
    assert_eq!(denial(rotate(&world, &keeper, &first)).code, ErrorCode::TokenNotFound, "a dead token is not renewed");
    rotate(&world, &keeper, &second).expect("there is room again");
    for unknown in ["", "nonsense", "0123456789ab"] {
        assert_eq!(denial(revoke(unknown)).code, ErrorCode::TokenNotFound);
        let answer = now(world.app.rotate_token(&keeper, unknown, seconds(1), saying("Anew.")));
        assert_eq!(denial(answer).code, ErrorCode::TokenNotFound);
    }
    let made: Vec<String> = world
        .events()
        .into_iter()
        .filter(|event| event.starts_with("TOKEN_") && !event.ends_with("LIMIT") && !event.ends_with("FOUND"))
        .collect();
    assert_eq!(made, ["TOKEN_CREATED", "TOKEN_CREATED", "TOKEN_ROTATED", "TOKEN_REVOKED", "TOKEN_ROTATED"]);
}

#[test]
fn a_token_may_be_taken_back_over_http_by_an_operator_and_by_nobody_else() {
    let world = World::new();
    let (_, record) = create(&world, &person("keeper"), new(PrincipalKind::Agent, "bot", "OPS")).expect("made");
    let revoke = |who: &Caller| now(world.app.revoke_token(who, record.id.as_str(), saying("Lost.")));
    let itself = caller(Surface::Http, record.principal());
    assert_eq!(denial(revoke(&itself)).code, ErrorCode::ScopeForbidden);
    assert_eq!(denial(revoke(&Caller { surface: Surface::Mcp, ..person("bob") })).code, ErrorCode::ScopeForbidden);
    revoke(&Caller { surface: Surface::Http, ..person("bob") }).expect("an operator may");
}

#[test]
fn a_token_lives_until_its_last_moment_and_at_most_a_year() {
    let world = World::new();
    let lifetime = |name: &str, ttl: SignedDuration| {
        let token = NewToken { ttl, ..new(PrincipalKind::Agent, name, "OPS") };
        let (text, record) = create(&world, &person("keeper"), token).expect("made");
        (text, record.expires_at.duration_since(record.created_at))
    };
    assert_eq!(lifetime("a", TOKEN_TTL_MAX + seconds(1)).1, TOKEN_TTL_MAX);
    assert_eq!(lifetime("b", SignedDuration::MAX).1, TOKEN_TTL_MAX);
    assert_eq!(lifetime("c", seconds(-5)).1, seconds(1));
    let (text, ttl) = lifetime("d", seconds(60));
    assert_eq!(ttl, seconds(60));
    world.clock.advance(seconds(59));
    assert!(matches!(identify(&world, &text), Identity::Known(_)));
    world.clock.advance(seconds(1));
    assert_eq!(identify(&world, &text), Identity::Expired);
    assert_eq!(world.app.reader().now(), start() + seconds(60));
    create(&world, &person("keeper"), new(PrincipalKind::Agent, "d", "OPS"))
        .expect("an expired one is no token any more");
}

/// Every command, by whoever holds the role or the scope for it.
fn attempts(world: &World, who: &Caller) -> Vec<(&'static str, Result<(), Failure>)> {
    let surface = who.surface;
    let app = &world.app;
    let some_id = "0123456789abcdef0123456789abcdef";
    vec![
        ("preview", now(app.preview(who, ask(surface, "run_ok"))).map(|_| ())),
        ("apply", queued(app.enqueue(who, ask(surface, "run_ok"), ApplyRequest { ..yes() })).map(|_| ())),
        ("cancel", now(app.cancel(who, some_id, Stated::Absent, role("OPS"))).map(|_| ())),
        ("claim", now(app.claim(who, asking(Stated::Absent, seconds(60), role("OPS")))).map(|_| ())),
        ("complete", now(app.complete(who, some_id, "x", FinalStatus::Success.into(), role("OPS"))).map(|_| ())),
        ("approve", now(app.approve(who, &format!("apr_{some_id}"), saying("Yes."))).map(|_| ())),
        ("reject", now(app.reject(who, &format!("apr_{some_id}"), saying("No."))).map(|_| ())),
        ("review", now(app.review(who, &format!("apr_{some_id}"))).map(|_| ())),
        ("freeze", now(app.freeze(who, saying("Stop."))).map(|_| ())),
        ("unfreeze", now(app.unfreeze(who, saying("Go."))).map(|_| ())),
        ("floor", world.floor(who, ApprovalPolicy::Operator).map(|_| ())),
        ("create", create(world, who, new(PrincipalKind::Agent, "another", "OPS")).map(|_| ())),
        ("revoke", now(app.revoke_token(who, "0123456789ab", saying("Lost."))).map(|_| ())),
        ("expire", now(app.expire_one(who)).map(|_| ())),
    ]
}

#[test]
fn a_dead_token_opens_nothing_in_whichever_process_its_holder_is() {
    for surface in Surface::ALL {
        for kind in [PrincipalKind::Operator, PrincipalKind::Agent, PrincipalKind::Worker] {
            for expires in [true, false] {
                let world = World::new();
                let who = Caller { surface, ..world.known(kind, "carl") };
                let alive = attempts(&world, &who);
                assert!(
                    alive.iter().any(|(_, answer)| answer
                        .as_ref()
                        .err()
                        .is_none_or(|f| f.code() != ErrorCode::Unauthenticated)),
                    "{surface:?} {kind:?}"
                );
                // A floor that was raised, or a freeze that was lifted, by the living one is none of this test's business.
                if expires {
                    world.clock.advance(seconds(86_400));
                } else {
                    world.revoke(&who);
                }
                let (lines, recorded, standing) = (world.store.lines(), world.store.decisions(), world.standing());
                for (what, answer) in attempts(&world, &who) {
                    assert_eq!(denial(answer).code, ErrorCode::Unauthenticated, "{surface:?} {kind:?}: {what}");
                }
                assert_eq!(
                    (world.store.lines(), world.store.decisions()),
                    (lines, recorded),
                    "not even a refusal is written"
                );
                assert_eq!(world.standing(), standing);
            }
        }
    }
}

#[test]
fn a_token_of_another_store_is_nobodys_here() {
    let (world, elsewhere) = (World::new(), World::new());
    let who = elsewhere.known(PrincipalKind::Operator, "ann");
    for (what, answer) in attempts(&world, &who) {
        assert_eq!(denial(answer).code, ErrorCode::Unauthenticated, "{what}");
    }
    assert!(world.store.decisions().is_empty());
}
