//! A table of text cells, as plain text or as Markdown.

use std::fmt::Write;

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Text,
    Markdown,
}

/// A titled table; the first cell of a row is its name.
pub(crate) struct Matrix {
    pub(crate) title: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Matrix {
    pub(crate) fn text(&self, style: Style) -> String {
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| self.width(column))
            .collect();
        let (title, rule) = match style {
            Style::Text => (self.title.clone(), text_rule(&widths)),
            Style::Markdown => (format!("**{}**", self.title), markdown_rule(&widths)),
        };
        let mut text = format!("{title}\n\n");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}\n{rule}", line(&self.header, &widths, style));
        for row in &self.rows {
            let _ = writeln!(text, "{}", line(row, &widths, style));
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().chain([&self.header]);
        let widths = cells.filter_map(|row| row.get(column).map(|cell| cell.chars().count()));
        widths.max().unwrap_or_default()
    }
}

/// Names to the left, numbers to the right.
fn line(cells: &[String], widths: &[usize], style: Style) -> String {
    let padded = cells.iter().zip(widths).enumerate();
    let padded: Vec<String> = padded
        .map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        })
        .collect();
    match style {
        Style::Text => padded.join("  ").trim_end().to_owned(),
        Style::Markdown => format!("| {} |", padded.join(" | ")),
    }
}

fn text_rule(widths: &[usize]) -> String {
    let gaps = 2 * widths.len().saturating_sub(1);
    "-".repeat(widths.iter().sum::<usize>() + gaps)
}

fn markdown_rule(widths: &[usize]) -> String {
    let columns = widths.iter().enumerate();
    let columns: Vec<String> = columns
        .map(|(column, width)| match column {
            0 => format!("{}--", "-".repeat(*width)),
            _ => format!("{}-:", "-".repeat(*width)),
        })
        .collect();
    format!("|{}|", columns.join("|"))
}

#[cfg(test)]
mod tests {
    use super::{Matrix, Style};

    fn matrix() -> Matrix {
        let cells = |cells: [&str; 2]| cells.map(String::from).to_vec();
        Matrix {
            title: "Ratio".to_owned(),
            header: cells(["workload", "tool"]),
            rows: vec![cells(["json", "1.50"]), cells(["syn", "12.00"])],
        }
    }

    #[test]
    fn as_text() {
        let expected = "\
Ratio

workload   tool
---------------
json       1.50
syn       12.00
";
        assert_eq!(matrix().text(Style::Text), expected);
    }

    #[test]
    fn as_markdown() {
        let expected = "\
**Ratio**

| workload |  tool |
|----------|------:|
| json     |  1.50 |
| syn      | 12.00 |
";
        assert_eq!(matrix().text(Style::Markdown), expected);
    }
}
