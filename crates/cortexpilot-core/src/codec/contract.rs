//! The one thing that the queue itself wants to know of a task contract: how often what was lost may be repeated.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::domain::lease::Retries;

/// What a contract says of repeating; `None` where it cannot be read, says it twice, or says something else than whole
/// numbers there. Then nothing is repeated without asking.
pub fn retries(contract: &[u8]) -> Option<Retries> {
    let Contract(said) = serde_json::from_slice(contract).ok()?;
    Some(said.unwrap_or_default())
}

struct Contract(Option<Retries>);

impl<'de> Deserialize<'de> for Contract {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfContract)
    }
}

struct OfContract;

/// By hand, for what is derived takes a list for an object, too.
impl<'de> Visitor<'de> for OfContract {
    type Value = Contract;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a contract")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Contract, A::Error> {
        let mut said: Option<Option<Said>> = None;
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "timeout_retry" => once(&mut said, members.next_value()?)?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Contract(said.flatten().map(|Said(retries)| retries)))
    }
}

struct Said(Retries);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfRetries)
    }
}

struct OfRetries;

impl<'de> Visitor<'de> for OfRetries {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what is said of retries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Said, A::Error> {
        let (mut max, mut backoff_s): (Option<Option<u32>>, Option<Option<u64>>) = (None, None);
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "max_retries" => once(&mut max, members.next_value()?)?,
                "retry_backoff_sec" => once(&mut backoff_s, members.next_value()?)?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        let (max, backoff_s) = (max.flatten().unwrap_or(0), backoff_s.flatten().unwrap_or(0));
        Ok(Said(Retries { max, backoff_s }))
    }
}

fn once<T, E: serde::de::Error>(place: &mut Option<T>, value: T) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom("a member stands there twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_contract_that_plainly_says_so_is_repeated() {
        let check = |contract: &str, want: Option<(u32, u64)>| {
            let got = retries(contract.as_bytes()).map(|retries| (retries.max, retries.backoff_s));
            assert_eq!(got, want, "{contract}");
        };
        check(r#"{"timeout_retry": {"timeout_sec": 60, "max_retries": 2, "retry_backoff_sec": 5}}"#, Some((2, 5)));
        check(r#"{"timeout_retry": {"timeout_sec": 60}}"#, Some((0, 0)));
        check(r#"{"timeout_retry": null}"#, Some((0, 0)));
        check("{}", Some((0, 0)));
        check(r#"{"timeout_retry": {"max_retries": -1}}"#, None);
        check(r#"{"timeout_retry": {"max_retries": 1.5}}"#, None);
        check(r#"{"timeout_retry": {"max_retries": "3"}}"#, None);
        check(r#"{"timeout_retry": {"max_retries": 1}, "timeout_retry": {"max_retries": 9}}"#, None);
        check(r#"{"timeout_retry": {"max_retries": 1, "max_retries": 9}}"#, None);
        check(r#"{"timeout_retry": [9, 0]}"#, None);
        check(r#"{"timeout_retry": 3}"#, None);
        check("[]", None);
        check("{", None);
        check("", None);
    }
}
