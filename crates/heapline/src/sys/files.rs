//! Files and descriptors.
#![allow(unsafe_code)]

use core::ffi::CStr;

use super::{Errno, Result, SignalsHeld, signal, syscall};

/// Numbers above this are rarely closed by a program that counts up, and rarely given to
/// a file that it opens.
const HIGH_DESCRIPTOR: i32 = 1000;

/// Opens a file relative to the working directory, with a number out of the way of the
/// program's own.
pub(crate) fn open(path: &CStr, flags: i32, mode: u32) -> Result<i32> {
    let low = open_low(path, flags, mode)?;
    for lowest in [HIGH_DESCRIPTOR, HIGH_DESCRIPTOR / 4] {
        if let Ok(high) = duplicate_above(low, lowest) {
            // Another thread may have closed the low number, and it be a file's by now.
            if status(low) == status(high) {
                close(low);
            }
            return Ok(high);
        }
    }
    Ok(low)
}

fn open_low(path: &CStr, flags: i32, mode: u32) -> Result<i32> {
    let arguments = [
        libc::AT_FDCWD as usize,
        path.as_ptr() as usize,
        flags as usize,
        mode as usize,
        0,
        0,
    ];
    // SAFETY: the path is a live, zero-terminated text.
    unsafe { syscall(libc::SYS_openat, arguments) }.map(|fd| fd as i32)
}

pub(crate) fn close(fd: i32) {
    // SAFETY: no pointers. Errors say only that nothing was open.
    let _ = unsafe { syscall(libc::SYS_close, [fd as usize, 0, 0, 0, 0, 0]) };
}

/// Locks an open file for as long as it is open here or in a forked child: so that others
/// see, also where process ids are other ones, that it is in use. Without an answer, as
/// not all file systems can.
pub(crate) fn lock_file(fd: i32) {
    let _ = flock(fd, libc::LOCK_EX);
}

/// Whether some process has locked an open file.
pub(crate) fn is_locked(fd: i32) -> bool {
    flock(fd, libc::LOCK_SH) == Err(Errno(libc::EWOULDBLOCK))
}

fn flock(fd: i32, operation: i32) -> Result<usize> {
    let operation = (operation | libc::LOCK_NB) as usize;
    // SAFETY: no pointers.
    unsafe { syscall(libc::SYS_flock, [fd as usize, operation, 0, 0, 0, 0]) }
}

/// Creates a directory; one that is there already is fine.
pub(crate) fn mkdir(path: &CStr, mode: u32) -> Result<()> {
    let arguments = [
        libc::AT_FDCWD as usize,
        path.as_ptr() as usize,
        mode as usize,
        0,
        0,
        0,
    ];
    // SAFETY: the path is a live, zero-terminated text.
    match unsafe { syscall(libc::SYS_mkdirat, arguments) } {
        Ok(_) | Err(Errno(libc::EEXIST)) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Renames a file over another one.
pub(crate) fn rename(from: &CStr, to: &CStr) -> Result<()> {
    rename_with(from, to, 0)
}

/// Gives two files each other's name.
pub(crate) fn exchange(one: &CStr, other: &CStr) -> Result<()> {
    rename_with(one, other, libc::RENAME_EXCHANGE as usize)
}

fn rename_with(from: &CStr, to: &CStr, flags: usize) -> Result<()> {
    let here = libc::AT_FDCWD as usize;
    let arguments = [
        here,
        from.as_ptr() as usize,
        here,
        to.as_ptr() as usize,
        flags,
        0,
    ];
    // SAFETY: both paths are live, zero-terminated texts.
    unsafe { syscall(libc::SYS_renameat2, arguments) }.map(drop)
}

/// Moves a descriptor to a number of at least `lowest`, closed on exec.
fn duplicate_above(fd: i32, lowest: i32) -> Result<i32> {
    let arguments = [
        fd as usize,
        libc::F_DUPFD_CLOEXEC as usize,
        lowest as usize,
        0,
        0,
        0,
    ];
    // SAFETY: no pointers.
    unsafe { syscall(libc::SYS_fcntl, arguments) }.map(|fd| fd as i32)
}

/// Reads at the descriptor's position.
pub(crate) fn read(fd: i32, buffer: &mut [u8]) -> Result<usize> {
    let arguments = [
        fd as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        0,
        0,
        0,
    ];
    // SAFETY: the kernel writes only inside `buffer`.
    unsafe { syscall(libc::SYS_read, arguments) }
}

/// Reads a whole small file, as far as the buffer goes.
pub(crate) fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let fd = open(path, libc::O_RDONLY | libc::O_CLOEXEC, 0)?;
    let mut length = 0;
    while let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) {
        match read(fd, room) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    close(fd);
    Ok(beginning(buffer, length))
}

/// Reads a symbolic link.
pub(crate) fn read_link<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let here = libc::AT_FDCWD as usize;
    let arguments = [
        here,
        path.as_ptr() as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        0,
        0,
    ];
    // SAFETY: the path is a live text, and the kernel writes only inside `buffer`.
    let length = unsafe { syscall(libc::SYS_readlinkat, arguments) }?;
    Ok(beginning(buffer, length))
}

/// The working directory, without its terminating zero.
pub(crate) fn working_directory(buffer: &mut [u8]) -> Result<&[u8]> {
    let arguments = [buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0, 0];
    // SAFETY: the kernel writes only inside `buffer`.
    let length = unsafe { syscall(libc::SYS_getcwd, arguments) }?;
    Ok(beginning(buffer, length.saturating_sub(1)))
}

/// The first bytes of a buffer, all of it at most.
fn beginning(buffer: &[u8], length: usize) -> &[u8] {
    buffer.get(..length).unwrap_or(buffer)
}

/// Writes all bytes, as far as it goes.
pub(crate) fn write_all(fd: i32, mut bytes: &[u8]) {
    let write = |bytes: &[u8]| {
        let arguments = [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
        // SAFETY: the kernel reads only inside `bytes`.
        without_signals(|| unsafe { syscall(libc::SYS_write, arguments) })
    };
    while !bytes.is_empty() {
        match write(bytes) {
            Ok(0) => return,
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno(libc::EINTR)) => {}
            Err(_) => return,
        }
    }
}

/// The signals that the kernel sends to a thread for what it writes: the program did not
/// ask for our writing and must not die of it.
const FAILED_WRITE: u64 = signal(libc::SIGPIPE) | signal(libc::SIGXFSZ);

/// Does a system call that writes, and takes back the signal that its failure raises. A
/// program in the background writes to its terminal and is not stopped for it.
fn without_signals(call: impl FnOnce() -> Result<usize>) -> Result<usize> {
    let Ok(_held) = SignalsHeld::hold(FAILED_WRITE | signal(libc::SIGTTOU)) else {
        return call();
    };
    let mut pending = 0_u64;
    let bytes = size_of::<u64>();
    // SAFETY: the kernel writes one word.
    let known = unsafe {
        let arguments = [&raw mut pending as usize, bytes, 0, 0, 0, 0];
        syscall(libc::SYS_rt_sigpending, arguments)
    };
    let result = call();
    let raised = FAILED_WRITE & !pending;
    if matches!(result, Err(Errno(libc::EPIPE | libc::EFBIG))) && known.is_ok() {
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let arguments = [
            &raw const raised as usize,
            0,
            &raw const at_once as usize,
            bytes,
            0,
            0,
        ];
        // SAFETY: the kernel reads a set and a time, which are live.
        let _ = unsafe { syscall(libc::SYS_rt_sigtimedwait, arguments) };
    }
    result
}

/// Writes two pieces at an offset in one call; fewer bytes than given are an error.
pub(crate) fn write_at(fd: i32, offset: u64, first: &[u8], second: &[u8]) -> Result<()> {
    let pieces = [
        libc::iovec {
            iov_base: first.as_ptr() as *mut _,
            iov_len: first.len(),
        },
        libc::iovec {
            iov_base: second.as_ptr() as *mut _,
            iov_len: second.len(),
        },
    ];
    let arguments = [
        fd as usize,
        pieces.as_ptr() as usize,
        pieces.len(),
        offset as usize,
        0,
        0,
    ];
    loop {
        // SAFETY: the kernel only reads the pieces, which both are live slices.
        match without_signals(|| unsafe { syscall(libc::SYS_pwritev, arguments) }) {
            Ok(written) if written == first.len() + second.len() => return Ok(()),
            // The disk had room for a part only.
            Ok(_) => return Err(Errno(libc::ENOSPC)),
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Reserves disk space, growing the file if needed.
pub(crate) fn allocate_disk(fd: i32, offset: u64, bytes: usize) -> Result<()> {
    let arguments = [fd as usize, 0, offset as usize, bytes, 0, 0];
    loop {
        // SAFETY: no pointers.
        match without_signals(|| unsafe { syscall(libc::SYS_fallocate, arguments) }) {
            Ok(_) => return Ok(()),
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Device and inode, file type bits, and owner of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStatus {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) kind: u32,
    pub(crate) owner: u32,
}

impl FileStatus {
    pub(crate) fn is_same_file(&self, other: &FileStatus) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl From<libc::stat> for FileStatus {
    fn from(status: libc::stat) -> Self {
        FileStatus {
            device: status.st_dev,
            inode: status.st_ino,
            kind: status.st_mode & libc::S_IFMT,
            owner: status.st_uid,
        }
    }
}

pub(crate) fn status(fd: i32) -> Result<FileStatus> {
    let mut status = core::mem::MaybeUninit::<libc::stat>::zeroed();
    let arguments = [fd as usize, status.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the kernel writes one `stat`, which on 64-bit Linux is libc's.
    unsafe { syscall(libc::SYS_fstat, arguments) }?;
    // SAFETY: all-zero bytes are a valid `stat`, and the kernel has filled it in.
    Ok(unsafe { status.assume_init() }.into())
}

/// The same of whatever is at a path, links not followed.
pub(crate) fn status_at(path: &CStr) -> Result<FileStatus> {
    let mut status = core::mem::MaybeUninit::<libc::stat>::zeroed();
    let arguments = [
        libc::AT_FDCWD as usize,
        path.as_ptr() as usize,
        status.as_mut_ptr() as usize,
        libc::AT_SYMLINK_NOFOLLOW as usize,
        0,
        0,
    ];
    // SAFETY: the path is a live text; the kernel writes one `stat`, as above.
    unsafe { syscall(libc::SYS_newfstatat, arguments) }?;
    // SAFETY: as above.
    Ok(unsafe { status.assume_init() }.into())
}

/// Takes a name away, as far as that goes.
pub(crate) fn unlink(path: &CStr) {
    let arguments = [libc::AT_FDCWD as usize, path.as_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the path is a live text. Nothing can be done if it stays.
    let _ = unsafe { syscall(libc::SYS_unlinkat, arguments) };
}

/// What the file system is that an open file is on.
pub(crate) struct FileSystem {
    /// Bytes that the user may still take.
    pub(crate) free: u64,
    /// Bytes in all.
    pub(crate) total: u64,
    /// Whether a rewritten page of a file takes new space on the disk.
    pub(crate) copies_on_write: bool,
}

pub(crate) fn file_system(fd: i32) -> Result<FileSystem> {
    let mut status = core::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the kernel writes one `statfs`, which on 64-bit Linux is libc's.
    unsafe {
        syscall(
            libc::SYS_fstatfs,
            [fd as usize, status.as_mut_ptr() as usize, 0, 0, 0, 0],
        )
    }?;
    // SAFETY: all-zero bytes are a valid `statfs`, and the kernel has filled it in.
    let status = unsafe { status.assume_init() };
    let block = status.f_bsize as u64;
    Ok(FileSystem {
        free: status.f_bavail.saturating_mul(block),
        total: status.f_blocks.saturating_mul(block),
        copies_on_write: status.f_type == libc::BTRFS_SUPER_MAGIC,
    })
}

/// Has the pages of an empty file rewritten where they are.
pub(crate) fn rewrite_in_place(fd: i32) -> Result<()> {
    const NO_COPY_ON_WRITE: libc::c_int = 0x0080_0000;
    let call = |request: libc::Ioctl, flags: &mut libc::c_int| {
        let flags = core::ptr::from_mut(flags) as usize;
        // SAFETY: both requests read or write one int, which is live.
        unsafe {
            syscall(
                libc::SYS_ioctl,
                [fd as usize, request as usize, flags, 0, 0, 0],
            )
        }
    };
    let mut flags = 0;
    call(libc::FS_IOC_GETFLAGS, &mut flags)?;
    flags |= NO_COPY_ON_WRITE;
    call(libc::FS_IOC_SETFLAGS, &mut flags).map(drop)
}

/// The process's limit on file sizes: beyond it the kernel kills, so nobody may go there.
pub(crate) fn file_size_limit() -> u64 {
    let mut limit = libc::rlimit64 {
        rlim_cur: u64::MAX,
        rlim_max: u64::MAX,
    };
    let arguments = [
        0,
        libc::RLIMIT_FSIZE as usize,
        0,
        &raw mut limit as usize,
        0,
        0,
    ];
    // SAFETY: the kernel writes one `rlimit64`.
    match unsafe { syscall(libc::SYS_prlimit64, arguments) } {
        Ok(_) => limit.rlim_cur,
        Err(_) => u64::MAX,
    }
}
