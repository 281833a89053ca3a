//! `.npy` files of any dtype, read, written and mapped into memory.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use ndarray::{Array, IxDyn, Shape, ShapeBuilder};
use ndarray_npy::npy::header::{Header, Layout, ReadHeaderError};
use ndarray_npy::{
    ReadDataError, ReadableElement, WritableElement, WriteDataError, WriteNpyError, WriteNpyExt,
};

use crate::{AnyArray, DType, Element, NdArray, nbytes_for, with_array, with_dtype};
use crate::{Complex, f16};

/// Longer headers are refused, as by NumPy: parsing them could take all memory.
const MAX_HEADER_BYTES: u64 = 10_000;

/// A `.npy` file that could not be read, written or mapped.
#[derive(Debug)]
pub struct NpyError {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Io(io::Error),
    NotNpy,
    CutHeader {
        nbytes: u64,
    },
    Header(String),
    DType(String),
    TooBig,
    Length {
        offset: u64,
        expected: u64,
        found: u64,
    },
    Data(String),
    #[cfg(feature = "mmap")]
    Unmappable(&'static str),
}

impl fmt::Display for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.kind {
            Kind::Io(error) => error.fmt(f),
            Kind::NotNpy => f.write_str("not a .npy file: its first bytes are not \\x93NUMPY"),
            Kind::CutHeader { nbytes } => {
                write!(f, "the file ends at byte {nbytes}, inside its .npy header")
            }
            Kind::Header(text) => write!(f, "no .npy header at byte 0: {text}"),
            Kind::DType(text) => write!(f, "elements of dtype {text} cannot be read"),
            Kind::TooBig => f.write_str("the shape has more bytes than can be counted"),
            Kind::Length {
                offset,
                expected,
                found,
            } => write!(
                f,
                "{found} bytes of elements from byte {offset} on, where {expected} must be"
            ),
            Kind::Data(text) => write!(f, "the elements cannot be read: {text}"),
            #[cfg(feature = "mmap")]
            Kind::Unmappable(why) => write!(f, "the file cannot be mapped: {why}"),
        }
    }
}

impl std::error::Error for NpyError {}

impl From<io::Error> for Kind {
    fn from(error: io::Error) -> Self {
        Kind::Io(error)
    }
}

/// What stands before the elements.
struct Preamble {
    header: Header,
    dtype: DType,
    /// Bytes of the elements.
    nbytes: usize,
    /// Where they begin, in bytes from the start of the file.
    #[cfg(feature = "mmap")]
    offset: u64,
}

impl Preamble {
    /// Reads it, and checks that a file of `file_nbytes` has all the elements and no more.
    fn read(mut file: impl Read + Seek, file_nbytes: u64) -> Result<Self, Kind> {
        check_start(&mut file, file_nbytes)?;
        let mut header = Header::from_reader(&mut file).map_err(|error| match error {
            ReadHeaderError::Io(error) => Kind::Io(error),
            ReadHeaderError::Parse(error) => Kind::Header(one_line(&error.to_string())),
        })?;
        let offset = file.stream_position()?;
        let text = header.type_descriptor.as_string();
        let dtype = text.and_then(|text| dtype_of_any_order(text));
        let dtype = dtype.ok_or_else(|| Kind::DType(header.type_descriptor.to_string()))?;
        if text.is_some_and(|text| text.starts_with('=')) {
            // ndarray-npy does not know this spelling of the machine's own order.
            let known = format!("'{}'", dtype.protocol_str()).parse();
            header.type_descriptor = known.unwrap_or(header.type_descriptor);
        }
        let nbytes = nbytes_for(&header.shape, dtype).map_err(|_| Kind::TooBig)?;
        let found = file_nbytes.saturating_sub(offset);
        if found != nbytes as u64 {
            return Err(Kind::Length {
                offset,
                expected: nbytes as u64,
                found,
            });
        }
        Ok(Preamble {
            header,
            dtype,
            nbytes,
            #[cfg(feature = "mmap")]
            offset,
        })
    }

    fn shape(&self) -> Shape<IxDyn> {
        IxDyn(&self.header.shape).set_f(self.header.layout.is_fortran())
    }
}

/// What every `.npy` file starts with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// Looks at the magic, and at the header's length, which stands before it: a lie about it
/// must not make us allocate.
fn check_start(mut file: impl Read + Seek, file_nbytes: u64) -> Result<(), Kind> {
    let mut start = [0; 12];
    let mut read = 0;
    while read < start.len() {
        match file.read(&mut start[read..])? {
            0 => break,
            more => read += more,
        }
    }
    file.rewind()?;
    if !start[..read].starts_with(&MAGIC[..MAGIC.len().min(read)]) {
        return Err(Kind::NotNpy);
    }
    let (length_end, length) = match start[6] {
        1 => (10, u64::from(u16::from_le_bytes([start[8], start[9]]))),
        2 | 3 => {
            let length = [start[8], start[9], start[10], start[11]];
            (12, u64::from(u32::from_le_bytes(length)))
        }
        // No version that is known, or none: the header's reader says so.
        _ => (8, 0),
    };
    if read as u64 >= length_end && length > MAX_HEADER_BYTES {
        return Err(Kind::Header(format!(
            "it says to have {length} bytes, more than {MAX_HEADER_BYTES}"
        )));
    }
    if file_nbytes < length_end + length {
        return Err(Kind::CutHeader {
            nbytes: file_nbytes,
        });
    }
    Ok(())
}

/// What a parser says in several lines, with a picture of the text: the first line and the
/// last.
fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default().replace(":  --> ", " at ");
    match lines.next_back() {
        Some(last) => format!("{first}: {}", last.trim_start_matches("= ")),
        None => first,
    }
}

/// The dtype of a description such as `>f8`, whatever its byte order.
fn dtype_of_any_order(text: &str) -> Option<DType> {
    text.strip_prefix(['<', '>', '=', '|'])?.parse().ok()
}

/// An element as files have it.
trait NpyElement: Element {
    fn read(reader: impl Read, header: &Header, length: usize) -> Result<Vec<Self>, ReadDataError>;

    fn write(array: &NdArray<Self, IxDyn>, writer: impl Write) -> Result<(), WriteNpyError>;
}

macro_rules! npy_elements {
    ($($type:ty),*) => {$(
        impl NpyElement for $type {
            fn read(
                reader: impl Read,
                header: &Header,
                length: usize,
            ) -> Result<Vec<Self>, ReadDataError> {
                <$type>::read_to_end_exact_vec(reader, &header.type_descriptor, length)
            }

            fn write(array: &NdArray<Self, IxDyn>, writer: impl Write) -> Result<(), WriteNpyError> {
                array.view().write_npy(writer)
            }
        }
    )*};
}

npy_elements!(
    bool,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    f32,
    f64,
    Complex<f32>,
    Complex<f64>
);

/// ndarray-npy does not know the type, but its bits.
impl NpyElement for f16 {
    fn read(reader: impl Read, header: &Header, length: usize) -> Result<Vec<Self>, ReadDataError> {
        let is_big_endian =
            matches!(header.type_descriptor.as_string(), Some(text) if text.starts_with('>'));
        let descriptor = if is_big_endian { "'>u2'" } else { "'<u2'" };
        let descriptor = descriptor.parse().unwrap_or(header.type_descriptor.clone());
        let bits = u16::read_to_end_exact_vec(reader, &descriptor, length)?;
        Ok(bits.into_iter().map(f16::from_bits).collect())
    }

    fn write(array: &NdArray<Self, IxDyn>, mut writer: impl Write) -> Result<(), WriteNpyError> {
        let header = Header {
            type_descriptor: format!("'{}'", DType::Float16.protocol_str())
                .parse()
                .unwrap_or_else(|_| u16::type_descriptor()),
            layout: Layout::Standard,
            shape: array.shape().to_vec(),
        };
        header.write(&mut writer)?;
        for element in array.view() {
            WritableElement::write(&element.to_bits(), &mut writer).map_err(
                |error| match error {
                    WriteDataError::Io(error) => WriteNpyError::Io(error),
                    WriteDataError::FormatData(error) => WriteNpyError::FormatData(error),
                },
            )?;
        }
        writer.flush()?;
        Ok(())
    }
}

/// Reads a `.npy` file, of either byte order. Keeps the array's
/// [`nbytes`](crate::ArrayMemory::nbytes) and [`HEADER_NBYTES`](crate::HEADER_NBYTES); its
/// peak is a buffer of 8 KiB beside the elements, and of small arrays the 16 KB that it takes
/// to parse the header.
///
/// # Errors
/// If the file cannot be read, is no `.npy` file, has elements of another kind than numbers,
/// or is longer or shorter than its header says. How much is allocated never follows from
/// the header alone.
#[track_caller]
pub fn read_npy(path: impl AsRef<Path>) -> Result<AnyArray, NpyError> {
    let path = path.as_ref();
    let opened = || -> Result<_, Kind> {
        let file = File::open(path)?;
        let file_nbytes = file.metadata()?.len();
        let mut reader = BufReader::new(file);
        Ok((Preamble::read(&mut reader, file_nbytes)?, reader))
    };
    let failed = |kind| NpyError {
        path: path.to_owned(),
        kind,
    };
    let (preamble, reader) = opened().map_err(failed)?;
    with_dtype!(preamble.dtype, T => {
        let array = elements::<T>(&preamble, reader).map_err(failed)?;
        Ok(NdArray::made(array, "read_npy").into())
    })
}

fn elements<T: NpyElement>(
    preamble: &Preamble,
    reader: impl Read,
) -> Result<Array<T, IxDyn>, Kind> {
    let length = preamble.nbytes / size_of::<T>();
    let elements = T::read(reader, &preamble.header, length);
    let elements = elements.map_err(|error| Kind::Data(error.to_string()))?;
    Array::from_shape_vec(preamble.shape(), elements).map_err(|error| Kind::Data(error.to_string()))
}

/// Writes an array to a `.npy` file, which is replaced if it exists. Keeps nothing; its peak
/// is a buffer of 8 KiB and what the header takes, at most 4 KiB.
///
/// # Errors
/// If the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, array: &AnyArray) -> Result<(), NpyError> {
    let path = path.as_ref();
    let written = || -> Result<(), Kind> {
        let writer = BufWriter::new(File::create(path)?);
        with_array!(array, array => NpyElement::write(array, writer)).map_err(|error| match error {
            WriteNpyError::Io(error) => Kind::Io(error),
            other => Kind::Data(other.to_string()),
        })
    };
    written().map_err(|kind| NpyError {
        path: path.to_owned(),
        kind,
    })
}

/// The array of a mapped `.npy` file.
#[cfg(feature = "mmap")]
#[track_caller]
pub(crate) fn mapped(path: &Path, map: io::Result<memmap2::Mmap>) -> Result<AnyArray, NpyError> {
    use crate::identity::Origin;
    use crate::placement::Misplaced;

    let origin = Origin::here("open_npy_mmap");
    let array = || -> Result<AnyArray, Kind> {
        let map = map?;
        let preamble = Preamble::read(io::Cursor::new(&map[..]), map.len() as u64)?;
        let is_native = preamble
            .header
            .type_descriptor
            .as_string()
            .is_some_and(|text| text.parse() == Ok(preamble.dtype));
        if !is_native {
            return Err(Kind::Unmappable("its elements have the other byte order"));
        }
        let (shape, offset) = (IxDyn(&preamble.header.shape), preamble.offset as usize);
        let is_fortran = preamble.header.layout.is_fortran();
        with_dtype!(preamble.dtype, T => NdArray::<T, _>::mapped(map, offset, shape, is_fortran, origin)
            .map(AnyArray::from))
        .map_err(|why| match why {
            Misplaced::Outside => Kind::TooBig,
            Misplaced::Misaligned => Kind::Unmappable("its elements are not aligned"),
            Misplaced::NotBool => Kind::Data("a bool that is neither 0 nor 1".to_owned()),
        })
    };
    array().map_err(|kind| NpyError {
        path: path.to_owned(),
        kind,
    })
}
