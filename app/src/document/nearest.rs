//! The word that was probably meant.

/// The one of `known` that is nearest to `found`, if it is near enough to have been meant.
pub(super) fn nearest<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const LONGEST: usize = 64;
    if found.chars().count() > LONGEST {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let wanted = plain(found);
    let near = |word: &str| {
        let other = plain(word);
        let distance = distance(&wanted, &other);
        let bound = 1 + wanted.chars().count().max(other.chars().count()) / 4;
        (distance <= bound && distance < other.chars().count()).then_some(distance)
    };
    known.into_iter().filter_map(|word| Some((near(word)?, word))).min_by_key(|(d, _)| *d).map(|(_, word)| word)
}

/// How many insertions, deletions, replacements and swaps of neighbours lie between two words (optimal string
/// alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["listen", "public_url", "prefix", "tls", "limits", "allow"];
        assert_eq!(nearest("pubilc_url", known), Some("public_url"));
        assert_eq!(nearest("public-url", known), Some("public_url"));
        assert_eq!(nearest("publicUrl", known), Some("public_url"));
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("alow", known), Some("allow"));
        assert_eq!(nearest("certificate", known), None);
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest(&"a".repeat(10_000), known), None);
    }
}
