//! Cursors: which part of the rows a batch worker has.

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

/// The part of one batch worker (handler-api §0.4): from `start_cursor`, up to but without `end_cursor`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CursorConfig {
    /// `batch_001` and so on, as in Tasker's Rust API.
    pub batch_id: String,
    /// Any JSON value; a row number where it was made here.
    pub start_cursor: Value,
    /// As the start.
    pub end_cursor: Value,
    /// Rows of this batch.
    pub batch_size: u32,
}

/// Splits `total` rows evenly among at most `workers`; the first ones take the remainder. Workers without a row are left out.
pub(crate) fn even(total: u64, workers: u32) -> Vec<CursorConfig> {
    let workers = u64::from(workers).min(total);
    let mut start = 0;
    (0..workers)
        .map(|index| {
            let size = total / workers + u64::from(index < total % workers);
            start += size;
            config(index, start - size, start)
        })
        .collect()
}

/// Batches of `size` rows, the last one shorter; what lies beyond `batches_max` batches is left out.
pub(crate) fn ranges(total: u64, size: u32, batches_max: Option<u32>) -> Vec<CursorConfig> {
    let size = u64::from(size.max(1));
    let count = total.div_ceil(size).min(batches_max.map_or(u64::MAX, u64::from));
    (0..count).map(|index| config(index, index * size, total.min((index + 1) * size))).collect()
}

fn config(index: u64, start: u64, end: u64) -> CursorConfig {
    CursorConfig {
        batch_id: format!("batch_{:03}", index + 1),
        start_cursor: json!(start),
        end_cursor: json!(end),
        batch_size: u32::try_from(end - start).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(configs: &[CursorConfig]) -> Vec<u32> {
        configs.iter().map(|config| config.batch_size).collect()
    }

    #[test]
    fn rows_are_split_without_gap_or_overlap() {
        let configs = even(10, 4);
        assert_eq!(sizes(&configs), [3, 3, 2, 2]);
        assert_eq!((configs[0].batch_id.as_str(), configs[3].batch_id.as_str()), ("batch_001", "batch_004"));
        for pair in configs.windows(2) {
            assert_eq!(pair[0].end_cursor, pair[1].start_cursor);
        }
        assert_eq!(sizes(&even(2, 5)), [1, 1]);
        assert!(even(0, 3).is_empty() && even(3, 0).is_empty());
    }

    #[test]
    fn ranges_have_one_size_and_may_be_cut() {
        assert_eq!(sizes(&ranges(10, 4, None)), [4, 4, 2]);
        assert_eq!(sizes(&ranges(10, 4, Some(2))), [4, 4]);
        assert_eq!(sizes(&ranges(3, 0, None)), [1, 1, 1]);
    }
}
