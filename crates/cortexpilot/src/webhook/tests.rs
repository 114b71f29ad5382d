//! Notices against a receiver on loopback that answers what each test wrote down.

use cortexpilot_core::port::fake::{ManualClock, SeqIds};
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::config::{Environment, Overrides, Settings};

mod receiver;

use receiver::{Answer, Received, receive, receive_over_tls};

const SECRET: &str = "correct-horse-battery-staple";

/// Tries follow each other at once.
const QUICK: Pace =
    Pace { pauses: [Duration::ZERO; 5], one_try: Duration::from_secs(10), farewell: Duration::from_secs(5) };

/// Between two tries lies more time than any test has.
const PATIENT: Pace = Pace { pauses: [Duration::from_secs(3600); 5], ..QUICK };

fn settings(url: &str) -> WebhookSettings {
    let variables = [("CORTEXPILOT_APPROVAL_WEBHOOK", url), ("CORTEXPILOT_APPROVAL_WEBHOOK_SECRET", SECRET)];
    let environment = Environment {
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        cwd: std::env::temp_dir(),
        program: "cortexpilot".into(),
        user: "alice".into(),
    };
    Settings::load(&environment, &Overrides::default()).unwrap().webhook.unwrap()
}

fn start_trusting(trust: post::Trust, pace: Pace, url: &str) -> Webhook {
    let clock = Arc::new(ManualClock::at("2026-11-22T14:40:00Z".parse().unwrap()));
    Webhook::start_at(pace, settings(url), trust, clock, Arc::new(SeqIds::default()))
}

fn start(pace: Pace, url: &str) -> Webhook {
    start_trusting(post::Trust::System, pace, url)
}

fn notice<'a>() -> ApprovalNotice<'a> {
    ApprovalNotice {
        id: "apr_0123456789abcdef0123456789abcdef",
        run_id: "run_1",
        requested_by: "alice",
        principal: "agent:alice",
        policy: ApprovalPolicy::TwoPerson,
        needs: 2,
        expires_at: "2026-11-23T14:40:00Z".parse().unwrap(),
    }
}

/// One notice against these answers: what was received, and what came of it.
async fn sent(answers: Vec<Answer>) -> (Vec<Received>, Counts) {
    let (url, mut requests) = receive(answers).await;
    let webhook = start(QUICK, &format!("{url}/hook?key=hunter2"));
    webhook.requested(&notice());
    settled(&webhook, 1).await;
    webhook.stop().await;
    (all(&mut requests), webhook.counts())
}

/// Waits until so many notices have ended.
async fn settled(webhook: &Webhook, number: u64) {
    loop {
        let Counts { delivered, given_up, dropped } = webhook.counts();
        if delivered + given_up + dropped >= number {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn all(requests: &mut UnboundedReceiver<Received>) -> Vec<Received> {
    std::iter::from_fn(|| requests.try_recv().ok()).collect()
}

const DELIVERED: Counts = Counts { delivered: 1, given_up: 0, dropped: 0 };
const GIVEN_UP: Counts = Counts { delivered: 0, given_up: 1, dropped: 0 };

#[test]
fn the_page_shows_a_signature_that_this_code_makes() {
    let body = "{\"event\":\"approval.requested\",\"id\":\"apr_0123456789abcdef0123456789abcdef\"}";
    let made = deliver::signature(SECRET, "1795341600", body);
    let page = include_str!("../../../../docs/reference/webhook.md");
    assert!(page.contains(SECRET) && page.contains(body) && page.contains(&made), "{made}");
}

#[tokio::test]
async fn a_notice_is_one_signed_post() {
    let (requests, counts) = sent(vec![Answer::Status(204)]).await;
    assert_eq!((requests.len(), counts), (1, DELIVERED));
    let request = &requests[0];
    assert_eq!(request.line, "POST /hook?key=hunter2 HTTP/1.1");
    assert_eq!(
        request.body,
        "{\"event\":\"approval.requested\",\"id\":\"apr_0123456789abcdef0123456789abcdef\",\"run_id\":\"run_1\",\"requested_by\":\"alice\",\"principal\":\"agent:alice\",\"policy\":\"two-person\",\"needs\":2,\"expires_at\":\"2026-11-23T14:40:00Z\",\"sent_at\":\"2026-11-22T14:40:00Z\",\"delivery\":\"00000000000000000000000000000001\"}"
    );
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("x-cortexpilot-delivery"), "00000000000000000000000000000001");
    let timestamp = request.header("x-cortexpilot-timestamp");
    assert_eq!(timestamp, "1795358400", "seconds since 1970");
    let signature = request.header("x-cortexpilot-signature");
    assert_eq!(signature, deliver::signature(SECRET, timestamp, &request.body));
    assert_ne!(signature, deliver::signature(SECRET, "1795358401", &request.body));
    assert_ne!(signature, deliver::signature("another-long-secret", timestamp, &request.body));
}

#[tokio::test]
async fn what_may_go_better_is_tried_again_with_the_same_bytes() {
    for failing in [Answer::Status(500), Answer::Status(503), Answer::Status(429), Answer::HangUp, Answer::EndlessHead]
    {
        let (requests, counts) = sent(vec![failing.clone(), Answer::Status(200)]).await;
        assert_eq!((requests.len(), counts), (2, DELIVERED), "{failing:?}");
        assert_eq!(requests[0].body, requests[1].body);
        assert_eq!(requests[0].header("x-cortexpilot-delivery"), requests[1].header("x-cortexpilot-delivery"));
    }
}

#[tokio::test]
async fn what_would_be_refused_again_is_not_tried_again() {
    for status in [400, 401, 404, 410, 422] {
        let (requests, counts) = sent(vec![Answer::Status(status), Answer::Status(200)]).await;
        assert_eq!((requests.len(), counts), (1, GIVEN_UP), "{status}");
    }
}

#[tokio::test]
async fn six_tries_are_enough() {
    let (requests, counts) = sent(vec![Answer::Status(503); 10]).await;
    assert_eq!((requests.len(), counts), (6, GIVEN_UP));
    let whole: Duration = Pace::USUAL.pauses.iter().sum();
    assert_eq!(whole, Duration::from_secs(120));
}

#[tokio::test]
async fn where_nobody_listens_it_is_given_up() {
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", taken.local_addr().unwrap());
    drop(taken);
    let webhook = start(QUICK, &url);
    webhook.requested(&notice());
    settled(&webhook, 1).await;
    assert_eq!(webhook.counts(), GIVEN_UP);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, mut never) = receive(vec![Answer::Status(200)]).await;
    for status in [301, 302, 307, 308] {
        let (requests, counts) = sent(vec![Answer::Redirect(status, elsewhere.clone()), Answer::Status(200)]).await;
        assert_eq!((requests.len(), counts), (1, GIVEN_UP), "{status}");
    }
    assert!(all(&mut never).is_empty());
}

#[tokio::test]
async fn of_an_answer_only_the_head_is_read() {
    let (requests, counts) = sent(vec![Answer::EndlessBody]).await;
    assert_eq!((requests.len(), counts), (1, DELIVERED));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let (url, mut requests) = receive(vec![Answer::Silence; 10]).await;
    let webhook = start(Pace { one_try: Duration::from_millis(20), ..QUICK }, &url);
    webhook.requested(&notice());
    settled(&webhook, 1).await;
    assert_eq!((all(&mut requests).len(), webhook.counts()), (6, GIVEN_UP));
}

#[tokio::test]
async fn a_full_queue_keeps_nobody_waiting() {
    let (url, _requests) = receive(vec![Answer::Status(200); 300]).await;
    let webhook = start(QUICK, &url);
    // Nothing is delivered meanwhile: there is one thread, and this does not give way.
    for _ in 0..QUEUE_MAX + 3 {
        webhook.requested(&notice());
    }
    assert_eq!(webhook.counts(), Counts { delivered: 0, given_up: 0, dropped: 3 });
    webhook.stop().await;
    assert_eq!(
        webhook.counts(),
        Counts { delivered: 256, given_up: 0, dropped: 3 },
        "what waits is delivered before the end"
    );
    webhook.requested(&notice());
    assert_eq!(webhook.counts().dropped, 4, "nothing is taken after the end");
    webhook.stop().await;
}

#[tokio::test]
async fn the_end_tries_once_more_what_waits_for_another_try() {
    for (last, wanted) in [(200, DELIVERED), (503, GIVEN_UP)] {
        let (url, mut requests) = receive(vec![Answer::Status(500), Answer::Status(last), Answer::Status(200)]).await;
        let webhook = start(PATIENT, &url);
        webhook.requested(&notice());
        requests.recv().await.unwrap();
        webhook.stop().await;
        assert_eq!((all(&mut requests).len(), webhook.counts()), (1, wanted), "{last}");
    }
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_receiver_that_says_nothing() {
    let (url, mut requests) = receive(vec![Answer::Silence; 20]).await;
    let webhook = start(Pace { farewell: Duration::from_millis(20), ..PATIENT }, &url);
    for _ in 0..AT_ONCE + 2 {
        webhook.requested(&notice());
    }
    requests.recv().await.unwrap();
    webhook.stop().await;
    assert_eq!(webhook.counts(), Counts { delivered: 0, given_up: 0, dropped: AT_ONCE as u64 + 2 });
}

#[tokio::test]
async fn one_stubborn_notice_does_not_keep_the_others_back() {
    let (url, mut requests) = receive(vec![Answer::Status(500), Answer::Status(200), Answer::Status(200)]).await;
    let webhook = start(PATIENT, &url);
    webhook.requested(&notice());
    requests.recv().await.unwrap();
    webhook.requested(&notice());
    webhook.requested(&notice());
    settled(&webhook, 2).await;
    assert_eq!(webhook.counts(), Counts { delivered: 2, given_up: 0, dropped: 0 });
}

fn authority() -> post::Trust {
    let der = include_bytes!("../../tests/data/webhook/authority.der");
    post::Trust::Only(vec![CertificateDer::from(der.as_slice())])
}

#[tokio::test]
async fn over_tls_only_a_receiver_with_a_certificate_that_is_believed_gets_anything() {
    for (trust, wanted, received) in [(authority(), DELIVERED, 1), (post::Trust::System, GIVEN_UP, 0)] {
        let (url, mut requests) = receive_over_tls(vec![Answer::Status(200)]).await;
        let webhook = start_trusting(trust, QUICK, &format!("{url}/hook"));
        webhook.requested(&notice());
        settled(&webhook, 1).await;
        assert_eq!((all(&mut requests).len(), webhook.counts()), (received, wanted));
    }
    let (url, mut requests) = receive_over_tls(vec![Answer::Status(200)]).await;
    let other_name = url.replace("127.0.0.1", "localhost");
    let webhook = start_trusting(authority(), QUICK, &other_name);
    webhook.requested(&notice());
    settled(&webhook, 1).await;
    assert_eq!((all(&mut requests).len(), webhook.counts()), (0, GIVEN_UP), "the certificate is for another name");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_holds_the_secret_or_the_path() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let (elsewhere, _never) = receive(Vec::new()).await;
    for answers in [
        vec![Answer::Status(200)],
        vec![Answer::Status(400)],
        vec![Answer::Redirect(302, elsewhere)],
        vec![
            Answer::HangUp,
            Answer::EndlessHead,
            Answer::Status(429),
            Answer::Status(503),
            Answer::Status(503),
            Answer::Status(503),
        ],
    ] {
        sent(answers).await;
    }
    let (url, _requests) = receive_over_tls(vec![Answer::Status(200)]).await;
    let webhook = start(QUICK, &format!("{url}/hook?key=hunter2"));
    webhook.requested(&notice());
    settled(&webhook, 1).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for wanted in ["is not tried again", "does not take a notice", "is given up", "http://127.0.0.1:", "no TLS"] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
    for never in [SECRET, "hunter2", "/hook", "v1="] {
        assert!(!log.contains(never), "{never}: {log}");
    }
}
