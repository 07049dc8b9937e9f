//! What a process takes of the machine, as the kernel counts it.

use std::{fs, io, time::Duration};

/// Of all threads, those that have ended too, in user mode and in the kernel.
pub(crate) fn cpu(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may have spaces and parentheses; what follows has none.
    let (_, fields) = stat.rsplit_once(") ").ok_or(io::ErrorKind::InvalidData)?;
    let ticks: u64 = fields.split(' ').skip(UTIME).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(TICK * u32::try_from(ticks).map_err(io::Error::other)?)
}

/// Resident memory in MB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) peak: f64,
}

pub(crate) fn memory(process: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let kib =
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or_else(|| io::Error::other(format!("no {name} in its status")))
    };
    Ok(Memory { now: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// The peak of memory counts from now on.
pub(crate) fn forget_peak(process: u32) -> io::Result<()> {
    fs::write(format!("/proc/{process}/clear_refs"), "5")
}

/// User mode's ticks behind the name, proc(5); the kernel's are next.
const UTIME: usize = 11;
/// USER_HZ is 100 on all of Linux.
const TICK: Duration = Duration::from_millis(10);
