//! Compressed copies, so that the server compresses nothing while it serves.

use std::io::Write as _;

use anyhow::Result;
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Returns the file compressed by each encoding that makes it smaller, with the suffix of its name.
///
/// # Errors
///
/// An encoder fails, which in memory it should not.
pub(crate) fn copies(bytes: &[u8]) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut copies = vec![("br", brotli(bytes)?), ("gz", gzip(bytes)?)];
    copies.retain(|(_, copy)| copy.len() < bytes.len());
    Ok(copies)
}

fn brotli(mut bytes: &[u8]) -> Result<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: 11,
        size_hint: bytes.len(),
        ..BrotliEncoderParams::default()
    };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut bytes, &mut out, &parameters)?;
    Ok(out)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    // No name and no time: the same input gives the same file.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn copies_hold_the_same_bytes_and_only_where_they_are_smaller() {
        let text = "the same again, ".repeat(100);
        let copies = copies(text.as_bytes()).unwrap();
        let [("br", brotli), ("gz", gzip)] = copies.as_slice() else {
            panic!("expected two copies");
        };
        let mut unpacked = String::new();
        brotli::Decompressor::new(brotli.as_slice(), 4096)
            .read_to_string(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, text);
        unpacked.clear();
        flate2::read::GzDecoder::new(gzip.as_slice())
            .read_to_string(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, text);
        assert!(super::copies(b"x").unwrap().is_empty());
    }
}
