//! What keys go through, one after the other.

use crate::profile::{group::By, metrics::Sort};

const GROUPS: [By; 9] = [
    By::Lock,
    By::Address,
    By::Caller,
    By::Stack,
    By::Holder,
    By::Thread,
    By::Process,
    By::Cgroup,
    By::Type,
];

/// Those that have a column.
const SORTS: [Sort; 5] = [Sort::Total, Sort::Count, Sort::Mean, Sort::P99, Sort::Max];

/// The next way to make rows.
pub(super) fn next_group(now: By) -> By {
    after(GROUPS.into_iter(), now)
}

/// The next figure to rank by; of those that samples tell, unless rows are `exact`.
pub(super) fn next_sort(now: Sort, exact: bool) -> Sort {
    let told = SORTS.into_iter();
    after(told.filter(|sort| exact || sort.is_estimated()), now)
}

/// The next one in a circle; the first after one that is not in it.
fn after<T: Copy + PartialEq>(circle: impl Iterator<Item = T> + Clone, now: T) -> T {
    let mut rest = circle.clone().skip_while(|&one| one != now).skip(1);
    rest.next().or(circle.clone().next()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::{next_group, next_sort};
    use crate::profile::{group::By, metrics::Sort};

    #[test]
    fn keys_go_round() {
        assert_eq!(next_group(By::Lock), By::Address);
        assert_eq!(next_group(By::Type), By::Lock);
        assert_eq!(next_sort(Sort::Mean, true), Sort::P99);
        assert_eq!(next_sort(Sort::Mean, false), Sort::Max);
        assert_eq!(next_sort(Sort::Min, true), Sort::Total);
    }
}
