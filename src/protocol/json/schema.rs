//! What is read of an object, and of the objects in it, in one flat list: each object before its
//! members, so that a field's place in the list is that of its slot.

/// One field: where it stands, its name being what follows the last dot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    path: &'static str,
    /// Where in the path the name begins.
    name: u8,
    /// How many of the fields that follow stand within this one: none where no object is read.
    members: u8,
}

/// The fields at these paths. Those with more dots than the one before them are its members; what
/// stands before the last dot is for messages.
pub(crate) const fn schema<const N: usize>(paths: [&'static str; N]) -> [Field; N] {
    let mut fields = [Field { path: "", name: 0, members: 0 }; N];
    let (mut left, mut paths): (&mut [Field], &[&'static str]) = (&mut fields, &paths);
    while let ([field, more @ ..], [path, below @ ..]) = (left, paths) {
        let (dots, name) = dots(path);
        *field = Field { path, name, members: within(dots, below) };
        (left, paths) = (more, below);
    }
    fields
}

/// The place of the field with this path; there is one, or it does not compile.
pub(crate) const fn place(mut fields: &[Field], path: &str) -> usize {
    let mut place = 0usize;
    loop {
        assert!(!fields.is_empty(), "a path that is not in the schema");
        if let [field, more @ ..] = fields {
            if same(field.path.as_bytes(), path.as_bytes()) {
                return place;
            }
            (place, fields) = (place.wrapping_add(1), more);
        }
    }
}

/// How many dots a path has, and what stands up to the last of them is how long.
const fn dots(path: &str) -> (u8, u8) {
    let (mut rest, mut at, mut dots, mut behind) = (path.as_bytes(), 0u8, 0u8, 0u8);
    while let [byte, more @ ..] = rest {
        (rest, at) = (more, at.wrapping_add(1));
        if *byte == b'.' {
            (dots, behind) = (dots.wrapping_add(1), at);
        }
    }
    (dots, behind)
}

/// How many paths have more dots, up to the first that has not.
const fn within(level: u8, mut paths: &[&str]) -> u8 {
    let mut members = 0u8;
    while let [path, more @ ..] = paths {
        if dots(path).0 <= level {
            break;
        }
        (members, paths) = (members.wrapping_add(1), more);
    }
    members
}

const fn same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, more @ ..], [b, rest @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (more, rest);
    }
    one.is_empty() && other.is_empty()
}

/// A name of an object, as its schema knows it.
pub(super) enum Name {
    /// The field at this place.
    Known(usize),
    /// Another spelling of a known name.
    Misspelt,
    Foreign,
}

/// What `key` is in an object of these fields.
pub(super) fn name(fields: &[Field], key: &str) -> Name {
    if let Some(place) = find(fields, &|field| field.len() == key.len() && field.path.ends_with(key)) {
        return Name::Known(place);
    }
    match find(fields, &|field| field.folds_from(key)) {
        Some(_) => Name::Misspelt,
        None => Name::Foreign,
    }
}

/// The place of an object's own field, members of its members not among them.
#[inline(always)]
fn find(fields: &[Field], is: &dyn Fn(&Field) -> bool) -> Option<usize> {
    let mut place = 0usize;
    while let Some(field) = fields.get(place) {
        if is(field) {
            return Some(place);
        }
        place = place.wrapping_add(field.members()).wrapping_add(1);
    }
    None
}

/// Whether `key` equals `name` under Unicode simple case folding, as in Go's
/// `encoding/json`. Only two characters outside ASCII fold into it.
pub(super) fn folds_to(key: &str, name: &str) -> bool {
    let fold = |char: char| match char {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

// === impl Field ===

impl Field {
    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    pub(crate) fn name(&self) -> &'static str {
        self.path.get(usize::from(self.name)..).unwrap_or_default()
    }

    pub(super) fn members(&self) -> usize {
        usize::from(self.members)
    }

    /// How many bytes its name has.
    fn len(&self) -> usize {
        self.path.len().wrapping_sub(usize::from(self.name))
    }

    /// Whether another spelling of its name is `key`. None is shorter, and none is longer than three
    /// bytes for each of its own.
    fn folds_from(&self, key: &str) -> bool {
        let len = self.len();
        (len..=len.wrapping_mul(3)).contains(&key.len()) && folds_to(key, self.name())
    }
}
