//! Maps of headers that are used again. A map that holds the headers of an answer is larger than what the allocator keeps at
//! hand, and every request brings one of about that size: it becomes the map of an answer.

use std::cell::RefCell;
use std::ops::Deref;

use axum::http::HeaderMap;

/// So many headers fit into the map of nearly every answer.
const USUAL: usize = 16;

/// Larger ones are not kept: a single request must not make the process larger for ever.
const CAPACITY_MAX: usize = 64;

/// Kept for each thread.
const KEPT: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// An empty map with room for the headers of an answer.
pub(super) fn take() -> HeaderMap {
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
    spare.unwrap_or_else(|| HeaderMap::with_capacity(USUAL))
}

/// A request's headers. What they held is forgotten with them; the room is kept.
#[derive(Debug, Default)]
pub(crate) struct Sent(HeaderMap);

impl Sent {
    pub(super) fn of(headers: HeaderMap) -> Self {
        Self(headers)
    }
}

impl Deref for Sent {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.0
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let mut map = std::mem::take(&mut self.0);
        if !(USUAL / 2..=CAPACITY_MAX).contains(&map.capacity()) {
            return;
        }
        map.clear();
        // Where the thread ends, it is given up like any other.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(map);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn a_map_that_is_used_again_holds_nothing_of_the_request_it_came_with() {
        let mut headers = HeaderMap::with_capacity(USUAL);
        for secret in ["a", "b", "c"] {
            headers.append(AUTHORIZATION, HeaderValue::from_static(secret));
        }
        drop(Sent::of(headers));
        let again = take();
        assert!(again.is_empty() && again.get(AUTHORIZATION).is_none() && again.capacity() >= USUAL / 2);
    }

    #[test]
    fn only_a_few_maps_are_kept_and_none_that_is_large() {
        for _ in 0..10 {
            drop(Sent::of(HeaderMap::with_capacity(USUAL)));
            drop(Sent::of(HeaderMap::with_capacity(CAPACITY_MAX * 2)));
        }
        SPARE.with_borrow(|spare| {
            assert_eq!(spare.len(), KEPT);
            assert!(spare.iter().all(|map| map.capacity() <= CAPACITY_MAX));
        });
    }
}
