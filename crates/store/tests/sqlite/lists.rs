//! Pages of a list are parts of one order, whichever source their rows come from.

use store::{MIGRATIONS, Store, Verdict, memories, memories::list};
use types::memory::{Access, Change, Memory};

use crate::{
    conformance::Answer,
    options,
    plans::{NOW, another, fill, me, memory, scope},
    tempdir,
};

#[test]
fn pages_of_tagged_rows_from_several_sources_follow_each_other() {
    let directory = tempdir();
    let store = Store::open(options(directory.path()), MIGRATIONS).unwrap();
    let checked: Answer<()> = store.write_blocking(move |tx| {
        fill(tx)?;
        // Mine and my team's take turns in time, and run against each other in the order of keys; every third has the tag.
        for number in 10..70_i64 {
            let (owner, access) = if number % 2 == 0 { (me(), Access::Private) } else { (another(), Access::Team) };
            let at = NOW.plus_secs(number / 10);
            let tags = if number % 3 == 0 { vec!["third".to_owned()] } else { Vec::new() };
            let base = memory(u128::from(number.unsigned_abs()), owner, access);
            let key = Some(format!("key-{}", 100 - number));
            let row = Memory { tags, key, created_at: at, updated_at: at, ..base };
            memories::insert(tx, &scope(owner), (&row, Change::Created), b"terms")?;
        }
        for sort in [list::Sort::Updated, list::Sort::Created, list::Sort::Key] {
            let filter = list::Filter { tags_any: vec!["third".to_owned()], ..list::Filter::default() };
            let page = |after: &list::Place, limit| {
                list::list(tx, &scope(me()), &filter, (sort, after, limit), NOW.plus_secs(1_000))
            };
            let whole = page(&sort.start(), 100)?;
            assert_eq!(whole.len(), 20, "{sort:?}");
            let (mut paged, mut after): (Vec<Memory>, _) = (Vec::new(), sort.start());
            for _ in 0..=whole.len() {
                paged.extend(page(&after, 3)?);
                after = paged.last().map(|row| sort.place(row)).unwrap();
            }
            assert_eq!(paged, whole, "{sort:?}");
        }
        Ok(Verdict::Done(()))
    });
    checked.unwrap();
}
