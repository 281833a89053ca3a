//! Which arrays hold which block, and how much of it they use.

use super::*;

/// A buffer of 4,000,000 bytes named `a`, and a view of it without elements.
fn with_empty_view(program: &mut Program<'_>) {
    program.alloc(0x10_0000, 4_000_000);
    program.handle(1, 1, "zeros", 0x10_0000, 4_000_000);
    program.named(1, "a");
    program.handle(2, 1, "slice", 0, 0);
    program.named(2, "empty");
}

#[test]
fn an_empty_view_is_of_the_buffer_that_it_keeps() {
    let report = recorded(with_empty_view);
    let arrays = at(&report, At::End);
    let expected = [("a", 4_000_000), ("empty", 0)];
    let expected = expected.map(|(name, nbytes)| (name.to_owned(), 4_000_000, Some(nbytes)));
    assert_eq!(rows(&arrays), expected);
    assert!(facts(&arrays).iter().all(|array| !array.is_gone));
    assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (1, 4_000_000));
}

#[test]
fn an_empty_view_alone_keeps_its_buffer() {
    let report = recorded(|program| {
        with_empty_view(program);
        program.note(&ArrayNote::Dropped { id: 1 });
    });
    let arrays = at(&report, At::End);
    assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (1, 4_000_000));
    let gone: Vec<bool> = facts(&arrays).iter().map(|array| array.is_gone).collect();
    assert_eq!(gone, [true, false]);
    let text = render::text::arrays(&report, &arrays, 9);
    let warning = "only empty (0 B) keeps the 4,000,000 B of a (main.rs:2) alive (0.0000 %)";
    assert!(text.contains(warning), "{text}");
}
