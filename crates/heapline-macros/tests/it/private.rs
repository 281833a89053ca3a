//! A runtime with the interface that the expansion uses. It keeps a log for
//! each thread; `check` in `main.rs` explains the notation.

use std::cell::RefCell;
use std::marker::PhantomData;

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Adds a word to this thread's log.
pub fn note(word: &str) {
    LOG.with_borrow_mut(|log| log.push(word.to_owned()));
}

/// This thread's log, which is empty afterwards.
#[must_use]
pub fn take_log() -> String {
    LOG.take().join(" ")
}

/// One profiled function.
pub struct Function {
    /// The value of `file!()`.
    pub file: &'static str,
    /// The path of the function.
    pub name: &'static str,
    /// The marked lines.
    pub lines: &'static [u32],
    /// The line of the closing brace.
    pub last_line: u32,
}

impl Function {
    /// A function as the expansion describes it.
    #[must_use]
    pub const fn new(
        file: &'static str,
        name: &'static str,
        lines: &'static [u32],
        last_line: u32,
    ) -> Self {
        Self {
            file,
            name,
            lines,
            last_line,
        }
    }

    /// The function is called.
    ///
    /// # Panics
    ///
    /// If the expansion described it wrongly.
    #[must_use]
    pub fn enter(&'static self) -> Activation {
        assert!(self.lines.is_sorted_by(|a, b| a < b));
        assert!(self.lines.iter().all(|&line| line <= self.last_line));
        assert!(self.file.contains("tests"));
        assert!(self.name.contains("::"));
        note("(");
        Activation {
            function: self,
            thread: PhantomData,
        }
    }

    /// One of its closures is called.
    #[must_use]
    pub fn enter_closure(&'static self, line: u32) -> Activation {
        note(&format!("[{}", self.offset(line)));
        Activation {
            function: self,
            thread: PhantomData,
        }
    }

    fn offset(&self, index: u32) -> u32 {
        self.lines[index as usize] - self.lines[0]
    }
}

/// A call that has not returned.
pub struct Activation {
    function: &'static Function,
    thread: PhantomData<*const ()>,
}

impl Activation {
    /// A line begins.
    ///
    /// # Panics
    ///
    /// If it is that of the attribute.
    pub fn line(&self, index: u32) {
        assert_ne!(index, 0);
        note(&self.function.offset(index).to_string());
    }

    /// On drop, a line goes on.
    #[must_use]
    pub fn nested(&self, index: u32) -> Resume<'_> {
        Resume {
            activation: self,
            index,
        }
    }

    /// On drop, a line begins.
    #[must_use]
    pub fn closing(&self, index: u32) -> Closing<'_> {
        Closing {
            activation: self,
            index,
        }
    }
}

impl Drop for Activation {
    fn drop(&mut self) {
        note(")");
    }
}

/// Made by [`Activation::nested`].
pub struct Resume<'a> {
    activation: &'a Activation,
    index: u32,
}

impl Drop for Resume<'_> {
    fn drop(&mut self) {
        let line = self.activation.function.offset(self.index);
        note(&format!("~{line}"));
    }
}

/// Made by [`Activation::closing`].
pub struct Closing<'a> {
    activation: &'a Activation,
    index: u32,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.activation.line(self.index);
    }
}
