//! Sites in the order of what they cost.

use crate::profile::{
    aggregate::{Account, Aggregate, Site, StillWaiting},
    snapshot::Waits,
};

/// An aggregate, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranking {
    /// Sites with waits that ended with the lock, the longest total first.
    pub(crate) sites: Vec<(Site, Waits)>,
    /// Sites with waits that ended without the lock, the most first.
    pub(crate) not_acquired: Vec<(Site, Waits)>,
    /// Sites with waits that had not ended, the longest first.
    pub(crate) still_waiting: Vec<(Site, StillWaiting)>,
    /// The account of all events.
    pub(crate) account: Account,
}

/// Puts an aggregate in order. Ties are broken by name: the same input always gives the
/// same report.
pub(crate) fn rank(aggregate: Aggregate) -> Ranking {
    let Aggregate {
        ended,
        open,
        account,
    } = aggregate;
    let mut not_acquired: Vec<_> = ended
        .iter()
        .filter(|(_, waits)| waits.not_acquired > 0)
        .map(|(site, &waits)| (site.clone(), waits))
        .collect();
    let mut sites: Vec<_> = ended
        .into_iter()
        .filter(|(_, waits)| waits.count > 0)
        .collect();
    let mut still_waiting: Vec<_> = open.into_iter().collect();
    // The maps are in the order of names and these sorts are stable.
    sites.sort_by_key(|(_, waits)| std::cmp::Reverse(waits.total_ns));
    not_acquired.sort_by_key(|(_, waits)| std::cmp::Reverse(waits.not_acquired));
    still_waiting.sort_by_key(|(_, waiting)| std::cmp::Reverse(waiting.longest_ns));
    Ranking {
        sites,
        not_acquired,
        still_waiting,
        account,
    }
}

#[cfg(test)]
mod tests {
    use super::rank;
    use crate::profile::aggregate::{aggregate, tests::snapshot};

    #[test]
    fn the_longest_total_comes_first() {
        let ranking = rank(aggregate(&snapshot()));
        let totals: Vec<_> = ranking
            .sites
            .iter()
            .map(|(_, waits)| waits.total_ns)
            .collect();
        assert_eq!(totals, [42_000_000, 7_000, 450]);
        assert_eq!(ranking.not_acquired.len(), 1);
        assert_eq!(ranking.still_waiting.len(), 1);
    }

    #[test]
    fn a_site_that_never_got_the_lock_is_only_among_those_that_did_not() {
        let mut snapshot = snapshot();
        for ended in &mut snapshot.ended {
            ended.waits.count = 0;
        }
        let ranking = rank(aggregate(&snapshot));
        assert!(ranking.sites.is_empty());
        assert_eq!(ranking.not_acquired.len(), 1);
    }
}
