//! TypeScript that the packages for builders and screens are made with: codes, operations and the words of states, as the
//! product itself has them. A page that decides by a code or colours a state cannot part from the server this way: a new
//! word does not compile there until somebody gave it a label.

use cortexpilot_core::app::preview::{STALE, WARNINGS};
use cortexpilot_core::domain::approval::ApprovalStatus;
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::gate::GateId;
use cortexpilot_core::domain::principal::{PrincipalKind, Surface};
use cortexpilot_core::domain::token::TokenState;
use cortexpilot_core::error::{ErrorCode, Retry, WhoCanAct};
use cortexpilot_core::port::runs::OUTCOME_TYPES;
use cortexpilot_server::http::{Access, Effect, Operation, Verb, operations};

use super::states::item_words;

const HEAD: &str = "// Printed by the product. Change the code, then run `cargo xtask gen`.\n";

/// The version is the product's own; the packages carry the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A text as a TypeScript literal; JSON's are.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A union of texts, and the list of them in order.
fn words(about: &str, type_name: &str, list_name: &str, words: &[&str]) -> String {
    let union: String = words.iter().map(|word| format!("\n  | {}", text(word))).collect();
    let list: String = words.iter().map(|word| format!("\n  {},", text(word))).collect();
    format!(
        "\n/** {about} */\nexport type {type_name} ={union};\n\n/** Every {{@link {type_name}}}, in the product's order. */\n\
         export const {list_name}: readonly {type_name}[] = [{list}\n];\n"
    )
}

/// A table whose rows are found by a word.
fn table(
    about: &str,
    name: &str,
    kind: &str,
    rows: impl IntoIterator<Item = (String, Vec<(&'static str, String)>)>,
) -> String {
    let rows: String = rows
        .into_iter()
        .map(|(word, members)| {
            let members: String = members.iter().map(|(name, value)| format!("    {name}: {value},\n")).collect();
            format!("  {word}: {{\n{members}  }},\n")
        })
        .collect();
    format!("\n/** {about} */\nexport const {name}: {kind} = {{\n{rows}}};\n")
}

/// Codes and operations: what a client decides by.
pub(super) fn contract() -> String {
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let operations: Vec<&Operation> = operations().iter().collect();
    let ids: Vec<&str> = operations.iter().map(|operation| operation.id).collect();
    let retries = [Retry::Never, Retry::AfterFix, Retry::AfterPreview, Retry::AfterWait].map(Retry::as_str);
    let actors = [WhoCanAct::You, WhoCanAct::Operator].map(WhoCanAct::as_str);
    let code_rows = ErrorCode::ALL.iter().map(|code| {
        let row = code.row();
        let members = vec![
            ("status", row.status.to_string()),
            ("retry", text(row.retry.as_str())),
            ("whoCanAct", text(row.who.as_str())),
            ("meaning", text(row.meaning)),
            ("nextStep", text(code.next_step(Surface::Http))),
        ];
        (code.as_str().to_owned(), members)
    });
    let operation_rows = operations.iter().map(|operation| {
        let codes: Vec<&str> = operation.answers().into_iter().map(ErrorCode::as_str).collect();
        let members = vec![
            ("method", text(operation.verb.as_str())),
            ("path", text(operation.path)),
            ("effect", text(operation.effect.as_str())),
            ("access", text(operation.access.as_str())),
            ("summary", text(operation.summary)),
            ("codes", serde_json::Value::from(codes).to_string()),
        ];
        (operation.id.to_owned(), members)
    });
    let mut page = HEAD.to_owned();
    page.push_str(&format!(
        "\n/** The version of the product that this was printed by. */\nexport const PRODUCT_VERSION = {};\n",
        text(VERSION)
    ));
    page.push_str(&words(
        "Whether, and after what, the same request is worth sending again.",
        "Retry",
        "RETRIES",
        &retries,
    ));
    page.push_str(&words("Who can do something about a refusal.", "WhoCanAct", "WHO_CAN_ACT", &actors));
    page.push_str(&words(
        "A code that a refusal carries. Codes are never renamed.",
        "ErrorCode",
        "ERROR_CODES",
        &codes,
    ));
    page.push_str(
        "\n/** What a code means, whatever request it answers. */\nexport interface ErrorRow {\n  /** HTTP status. */\n  status: number;\n  \
         retry: Retry;\n  whoCanAct: WhoCanAct;\n  /** In a sentence. */\n  meaning: string;\n  /** What an operator does \
         now. */\n  nextStep: string;\n}\n",
    );
    page.push_str(&table("The table of codes.", "ERRORS", "Readonly<Record<ErrorCode, ErrorRow>>", code_rows));
    page.push_str(&words("An operation of the control plane, by its id.", "OperationId", "OPERATION_IDS", &ids));
    page.push_str(&format!(
        "\n/** What an operation is. */\nexport interface OperationRow {{\n  method: {};\n  /** `{{name}}` stands for one \
         percent-encoded segment. */\n  path: string;\n  /** `write`: it may change something. */\n  effect: {};\n  /** `open`: \
         without a token too. */\n  access: {};\n  /** In a sentence. */\n  summary: string;\n  /** The codes that it can be \
         refused with. */\n  codes: readonly ErrorCode[];\n}}\n",
        [Verb::Get, Verb::Post, Verb::Delete].map(|verb| text(verb.as_str())).join(" | "),
        [Effect::Read, Effect::Write].map(|effect| text(effect.as_str())).join(" | "),
        [Access::Open, Access::Token].map(|access| text(access.as_str())).join(" | "),
    ));
    let kind = "Readonly<Record<OperationId, OperationRow>>";
    page.push_str(&table("The table of operations.", "OPERATIONS", kind, operation_rows));
    page
}

/// The words of states: what screens have labels and colours for.
pub(super) fn states() -> String {
    let items = item_words();
    let mut requests: Vec<&str> = ApprovalStatus::ALL.iter().map(|status| status.as_str()).collect();
    requests.push(STALE);
    let policies = ApprovalPolicy::ALL.map(ApprovalPolicy::as_str);
    let kinds = PrincipalKind::ALL.map(PrincipalKind::as_str);
    let tokens = [TokenState::Live, TokenState::Expired, TokenState::Revoked].map(TokenState::as_str);
    let warnings = WARNINGS.map(|(word, _)| word);
    let gates = GateId::ALL.map(|gate| gate.row().name);
    let gate_rows = GateId::ALL.iter().map(|gate| {
        let row = gate.row();
        let codes: Vec<&str> = row.codes.iter().map(|code| code.as_str()).collect();
        let members = vec![
            ("number", row.number.to_string()),
            ("openWhen", text(row.open_when)),
            ("openedBy", text(row.opened_by)),
            ("applyOnly", row.apply_only.to_string()),
            ("codes", serde_json::Value::from(codes).to_string()),
        ];
        (row.name.to_owned(), members)
    });
    let mut page = format!("{HEAD}\nimport type {{ ErrorCode }} from \"@cortexpilot/frontend-api-contract\";\n");
    page.push_str(&words("Where a queue item stands.", "QueueStatus", "QUEUE_STATUSES", &items.statuses));
    page.push_str(&words("What that means for claiming it.", "QueueState", "QUEUE_STATES", &items.queue_states));
    page.push_str(&words(
        "How an item stands against its schedule and deadline.",
        "SlaState",
        "SLA_STATES",
        &items.sla_states,
    ));
    page.push_str(&words("How a run ended.", "OutcomeType", "OUTCOME_TYPES", &OUTCOME_TYPES));
    page.push_str(&words("Where a request for approval stands.", "ApprovalStatus", "APPROVAL_STATUSES", &requests));
    page.push_str(&words("Who says yes to an apply.", "ApprovalPolicy", "APPROVAL_POLICIES", &policies));
    page.push_str(&words("What kind of caller a principal is.", "PrincipalKind", "PRINCIPAL_KINDS", &kinds));
    page.push_str(&words("How a personal token stands.", "TokenState", "TOKEN_STATES", &tokens));
    page.push_str(&words("What whoever says yes should know.", "WarningCode", "WARNING_CODES", &warnings));
    page.push_str(&words("A check between a preview and the queue.", "GateName", "GATE_NAMES", &gates));
    page.push_str(
        "\n/** What a check asks. */\nexport interface GateRow {\n  /** Its place in the order in which checks are judged, from 1. \
         */\n  number: number;\n  /** When it is open, in a person's words. */\n  openWhen: string;\n  /** Who can open it. */\n  \
         openedBy: string;\n  /** Its input comes only with the apply: a preview cannot say. */\n  applyOnly: boolean;\n  /** \
         What it refuses with. */\n  codes: readonly ErrorCode[];\n}\n",
    );
    page.push_str(&table("The checks.", "GATES", "Readonly<Record<GateName, GateRow>>", gate_rows));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_operation_is_a_row_that_a_client_can_find() {
        let page = contract();
        for code in ErrorCode::ALL {
            assert!(page.contains(&format!("\n  {}: {{\n    status: {},", code.as_str(), code.row().status)));
        }
        for operation in operations() {
            assert!(page.contains(&format!("\n  {}: {{\n    method: \"{}\",", operation.id, operation.verb.as_str())));
        }
    }

    #[test]
    fn a_text_with_quotes_stays_one_literal() {
        assert_eq!(text("say \"yes\"\\\n"), r#""say \"yes\"\\\n""#);
    }

    #[test]
    fn the_words_of_an_item_are_those_that_its_lines_lead_to() {
        let items = item_words();
        let statuses =
            ["PENDING", "CLAIMED", "LOST", "DEAD_LETTER", "SUCCESS", "FAILURE", "STOPPED", "CANCELLED", "EXPIRED"];
        assert_eq!(items.statuses, statuses);
        assert_eq!(items.queue_states, ["eligible", "waiting", "claimed", "held", "closed"]);
        let mut sla = items.sla_states;
        sla.sort_unstable();
        assert_eq!(sla, ["at_risk", "breached", "completed", "ended", "in_progress", "on_track", "scheduled"]);
    }
}
