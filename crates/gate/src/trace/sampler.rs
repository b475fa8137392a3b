//! Which of the traces that begin here are recorded: by their number alone, so that whoever has the same share decides alike.

use super::context::TraceId;

/// Traces whose last 56 bits are at or above this are recorded (OpenTelemetry's consistent probability sampling).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sampler(u64);

const ALL: u64 = 1 << 56;

impl Sampler {
    /// Records a share of 0 to 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "bounded")]
    pub(super) fn new(share: f64) -> Self {
        let share = if share > 0.0 { share.min(1.0) } else { 0.0 };
        let left_out = (1.0 - share) * ALL as f64;
        Sampler((left_out as u64).min(ALL))
    }

    /// Whether this one is.
    pub(super) fn records(self, trace: TraceId) -> bool {
        trace.randomness() >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_as_many_as_asked_for() {
        for (share, least, most) in [(0.0, 0, 0), (1.0, 10_000, 10_000), (0.1, 850, 1_150), (0.5, 4_700, 5_300)] {
            let sampler = Sampler::new(share);
            let recorded = (0..10_000).filter(|_| sampler.records(TraceId::fresh())).count();
            assert!((least..=most).contains(&recorded), "{share}: {recorded}");
        }
        assert_eq!(Sampler::new(f64::NAN), Sampler::new(0.0), "what is no share records nothing");
    }
}
