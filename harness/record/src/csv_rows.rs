//! CSV of cells: the one place that quotes them.

/// Rows of cells as CSV (RFC 4180, with line feeds alone), a cell quoted where
/// its text needs it.
///
/// # Panics
///
/// Never: memory takes every row, and UTF-8 stays UTF-8.
#[must_use]
pub fn csv_rows<R, C>(rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = C>,
    C: AsRef<str>,
{
    let mut csv = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows {
        for cell in row {
            csv.write_field(cell.as_ref())
                .expect("memory takes every cell");
        }
        csv.write_record(None::<&[u8]>)
            .expect("memory takes every row");
    }
    let bytes = csv.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("CSV of UTF-8 is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let rows = [
            vec!["name", "value"],
            vec!["a,b", "say \"x\""],
            vec!["", "two\nlines"],
        ];
        let text = csv_rows(&rows);
        assert_eq!(
            text,
            "name,value\n\"a,b\",\"say \"\"x\"\"\"\n,\"two\nlines\"\n"
        );
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(read[0], rows[1]);
        assert_eq!(read[1], rows[2]);
    }
}
