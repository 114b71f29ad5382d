//! Which role, tools and runtime a run was bound to: a read model, never an authority to execute.

use serde_json::{Map, Value, json};

use crate::json::{self, Member};

/// The members without which a recorded binding is not taken as one.
const REQUIRED: [&str; 6] =
    ["authority", "source", "execution_authority", "skills_bundle_ref", "mcp_bundle_ref", "runtime_binding"];

/// What the manifest recorded when the run was written, else what the contract alone tells.
///
/// The contract does not hold the registries that role defaults came from (skills bundles, default tools, provider
/// capabilities). They belong to the system that wrote the run; guessing them here would be a claim about another system, so
/// those members are left out.
pub(crate) fn read_model(manifest: Option<&Map<String, Value>>, contract: Option<&Map<String, Value>>) -> Value {
    if let Some(manifest) = manifest
        && let Member::Present(recorded) = json::object(manifest, "role_binding_summary")
        && REQUIRED.iter().all(|member| recorded.contains_key(*member))
    {
        return Value::Object(recorded.clone());
    }
    let empty = Map::new();
    from_contract(contract.unwrap_or(&empty))
}

fn from_contract(contract: &Map<String, Value>) -> Value {
    let role_contract = child(contract, "role_contract");
    let mut model = Map::new();
    let mut put = |name: &str, value: Value| model.insert(name.to_owned(), value);
    put("authority", "contract-derived-read-model".into());
    put("source", "derived from contract.json alone; not an execution authority surface".into());
    put("execution_authority", "task_contract".into());
    if let Some(reference) = optional(role_contract, "skills_bundle_ref") {
        put("skills_bundle_ref", json!({"status": "unresolved", "ref": reference, "validation": "fail-closed"}));
    }
    let tools = [
        texts(role_contract, "resolved_mcp_tool_set"),
        texts(Some(contract), "mcp_tool_set"),
        texts(child(contract, "tool_permissions"), "mcp_tools"),
    ]
    .into_iter()
    .find(|tools| !tools.is_empty());
    let reference = optional(role_contract, "mcp_bundle_ref");
    if reference.is_some() || tools.is_some() {
        let mut bundle = Map::new();
        bundle.insert("status".into(), if tools.is_some() { "contract-derived" } else { "unresolved" }.into());
        if let Some(reference) = reference {
            bundle.insert("ref".into(), reference.into());
        }
        bundle.insert("resolved_mcp_tool_set".into(), tools.unwrap_or_default().into());
        bundle.insert("validation".into(), "fail-closed".into());
        put("mcp_bundle_ref", Value::Object(bundle));
    }
    put("runtime_binding", runtime_binding(contract, role_contract));
    Value::Object(model)
}

fn runtime_binding(contract: &Map<String, Value>, role_contract: Option<&Map<String, Value>>) -> Value {
    let options = child(contract, "runtime_options");
    let role = role_contract.and_then(|role| child(role, "runtime_binding"));
    let mut source = Map::new();
    let mut summary = Map::new();
    for member in ["runner", "provider", "model"] {
        let (value, from) = match (optional(options, member), optional(role, member)) {
            (Some(value), _) => (Some(value), format!("runtime_options.{member}")),
            (None, Some(value)) => (Some(value), format!("role_contract.runtime_binding.{member}")),
            (None, None) => (None, "unresolved".to_owned()),
        };
        source.insert(member.to_owned(), from.into());
        summary.insert(member.to_owned(), value.map_or(Value::Null, Into::into));
    }
    let resolved = summary.values().filter(|value| !value.is_null()).count();
    let status = match resolved {
        0 => "unresolved",
        3 => "contract-derived",
        _ => "partially-resolved",
    };
    json!({
        "status": status,
        "authority_scope": "contract-derived-read-model",
        "source": source,
        "summary": summary,
    })
}

fn child<'a>(map: &'a Map<String, Value>, member: &str) -> Option<&'a Map<String, Value>> {
    match json::object(map, member) {
        Member::Present(object) => Some(object),
        Member::Absent | Member::Odd => None,
    }
}

fn optional(map: Option<&Map<String, Value>>, member: &str) -> Option<String> {
    match json::text(map?, member) {
        Member::Present(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Member::Present(_) | Member::Absent | Member::Odd => None,
    }
}

/// The texts of a list, trimmed, each once, in order.
fn texts(map: Option<&Map<String, Value>>, member: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for item in map.and_then(|map| map.get(member)).and_then(Value::as_array).into_iter().flatten() {
        if let Some(text) = item.as_str().map(str::trim)
            && !text.is_empty()
            && !seen.iter().any(|known| known == text)
        {
            seen.push(text.to_owned());
        }
    }
    seen
}
