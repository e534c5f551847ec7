//! Attribute sets that were asked for lately, unpacked. A set has one place, by its number: what arrives together stands
//! side by side, and nothing is moved to keep an order.

use std::cell::RefCell;
use std::sync::Arc;

use bgp_proto::attr::PathAttrs;

use super::AttrId;

/// About as many as arrive in one turn of the owner.
const PLACES: usize = 1 << 10;

type Place = Option<(AttrId, Arc<PathAttrs>)>;

/// See the module. Bounded: a thousand sets of at most [`Recent::LONGEST`] octets packed.
#[derive(Default)]
pub(super) struct Recent {
    /// Empty, or [`PLACES`] of them.
    places: RefCell<Vec<Place>>,
}

impl Recent {
    /// Longer ones are unpacked each time.
    pub(super) const LONGEST: usize = 512;

    pub(super) fn find(&self, id: AttrId) -> Option<Arc<PathAttrs>> {
        let places = self.places.borrow();
        let (of, attrs) = places.get(place(id))?.as_ref()?;
        (*of == id).then(|| attrs.clone())
    }

    pub(super) fn put(&self, id: AttrId, attrs: &Arc<PathAttrs>) {
        let mut places = self.places.borrow_mut();
        if places.is_empty() {
            places.resize_with(PLACES, || None);
        }
        places[place(id)] = Some((id, attrs.clone()));
    }

    /// The set is gone, and another may get its number.
    pub(super) fn forget(&mut self, id: AttrId) {
        if let Some(place) = self.places.get_mut().get_mut(place(id))
            && place.as_ref().is_some_and(|(of, _)| *of == id)
        {
            *place = None;
        }
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        let places = self.places.borrow();
        let sets = places.iter().flatten().map(|(_, attrs)| heap_of(attrs)).sum::<usize>();
        places.capacity() * size_of::<Place>() + sets
    }
}

fn place(id: AttrId) -> usize {
    id.0 as usize % PLACES
}

/// Octets of a set with its counts and the lists inside.
fn heap_of(attrs: &PathAttrs) -> usize {
    size_of::<PathAttrs>()
        + 2 * size_of::<usize>()
        + attrs.as_path.as_wire().len()
        + attrs.cluster_list.len() * 4
        + attrs.communities.len() * 4
        + attrs.ext_communities.len() * 8
        + attrs.ipv6_ext_communities.len() * 20
        + attrs.large_communities.len() * 12
        + attrs.unknown.iter().map(|raw| 24 + raw.value.len()).sum::<usize>()
}
