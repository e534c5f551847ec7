//! The first log entry of each dest: an array in pages, made where there is an entry and gone with the last one.
//!
//! Dests are numbered without gaps, so an array has the answer without a hash and takes 4 octets where a hash table takes
//! 6 to 11. In pages, because most groups of an edge router are told little: a group that is told a default route alone
//! has one page, however large the table is.

use crate::slab::NONE;

const PAGE_BITS: u32 = 10;
const PAGE: usize = 1 << PAGE_BITS;

struct Page {
    heads: [u32; PAGE],
    used: usize,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Heads {
    pages: Vec<Option<Box<Page>>>,
}

impl Heads {
    pub(crate) fn find(&self, dest: u32) -> Option<u32> {
        let (page, at) = place(dest);
        let head = self.pages.get(page)?.as_ref()?.heads[at];
        (head != NONE).then_some(head)
    }

    pub(crate) fn set(&mut self, dest: u32, head: u32) {
        let (page, at) = place(dest);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(|| Box::new(Page { heads: [NONE; PAGE], used: 0 }));
        page.used += usize::from(page.heads[at] == NONE);
        page.heads[at] = head;
    }

    pub(crate) fn remove(&mut self, dest: u32) {
        let (number, at) = place(dest);
        let Some(Some(page)) = self.pages.get_mut(number) else { return };
        page.used -= usize::from(page.heads[at] != NONE);
        page.heads[at] = NONE;
        if page.used == 0 {
            self.pages[number] = None;
        }
    }

    /// Octets of memory held. Looks at each page.
    pub(crate) fn memory(&self) -> usize {
        let pages = self.pages.iter().flatten().count();
        pages * size_of::<Page>() + self.pages.capacity() * size_of::<Option<Box<Page>>>()
    }
}

fn place(dest: u32) -> (usize, usize) {
    ((dest >> PAGE_BITS) as usize, dest as usize % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_found_and_pages_come_and_go() {
        let mut heads = Heads::default();
        for (dest, head) in [(0, 7), (1023, 8), (5000, 9), (1023, 10)] {
            heads.set(dest, head);
        }
        assert_eq!(
            [0, 1, 1023, 1024, 5000, 99_999].map(|dest| heads.find(dest)),
            [Some(7), None, Some(10), None, Some(9), None]
        );
        let two = heads.memory();
        heads.remove(5000);
        heads.remove(5000);
        heads.remove(1024);
        assert!(heads.memory() < two);
        heads.remove(0);
        assert_eq!((heads.find(0), heads.find(1023)), (None, Some(10)));
        heads.remove(1023);
        assert!(heads.memory() < size_of::<Page>());
    }
}
