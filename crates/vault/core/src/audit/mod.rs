//! The audit log: an entry for each request and one for each answer, before anybody gets anything.
//!
//! [`Auditor`] writes every entry to every device. A request goes on as soon as the first device has accepted its
//! entry, whatever the others do; when all fail nothing is executed, or what was executed is not answered. Without any device there is
//! no auditing. A device may have a filter; an entry that no device takes is accepted by none. Devices take only [`Redacted`] text, which only this module can make.

mod acceptance;
mod appender;
mod collector;
mod device;
mod entry;
mod exclusion;
mod file;
mod fragment;
mod options;
mod outbox;
mod redact;
mod selection;
mod tally;
mod ticket;
mod wire;

use std::sync::Arc;

use arc_swap::ArcSwap;
use arca_base::{Clock, Entropy, MountPath, Timestamp, id};

pub use acceptance::{Acceptance, NoDeviceAccepted};
pub(crate) use collector::without_values;
pub use device::DeviceRow;
pub use entry::{AuditedHeaders, Entry, Outcome, ResponsePart, Secrets};
pub use options::BadDevice;
pub use redact::Redacted;

use crate::barrier::{BarrierError, Generation, Rows, View, Writes};
use crate::metrics::Metrics;
use device::{Device, Surroundings};
use ticket::Ticket;

/// The devices of a server.
pub struct Auditor {
    rows: Rows<DeviceRow>,
    devices: ArcSwap<Vec<Arc<Device>>>,
    changed: Generation,
    seen: std::sync::atomic::AtomicU64,
    surroundings: Surroundings,
}

impl Auditor {
    /// The auditor of the devices kept below `view`, none of them open yet.
    pub(crate) fn new(
        view: &View,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let view = view.folder("audit/");
        let changed = view.generation();
        let seen = std::sync::atomic::AtomicU64::new(changed.current());
        Self {
            rows: Rows::new(view),
            devices: ArcSwap::default(),
            changed,
            seen,
            surroundings: Surroundings {
                clock,
                entropy,
                metrics,
            },
        }
    }

    /// Opens every configured device. One that does not open stays in the list and fails each entry until it
    /// does, so that a broken device never goes unnoticed and never blocks the others.
    ///
    /// # Errors
    /// [`BarrierError`] when the configuration cannot be read.
    pub async fn open_all(&self) -> Result<(), BarrierError> {
        let before = self.changed.current();
        let rows = self.rows.all().await?;
        let open = self.devices.load_full();
        let device = |row: DeviceRow| match open.iter().find(|device| *device.row() == row) {
            Some(same) => same.clone(),
            None => Arc::new(Device::open(row, &self.surroundings)),
        };
        self.devices
            .store(Arc::new(rows.into_iter().map(|(_, row)| device(row)).collect()));
        self.seen.store(before, std::sync::atomic::Ordering::Release);
        Ok(())
    }

    /// Opens devices again when another node has changed their configuration.
    ///
    /// # Errors
    /// [`BarrierError`] when the configuration cannot be read.
    pub async fn follow(&self) -> Result<(), BarrierError> {
        if self.changed.current() == self.seen.load(std::sync::atomic::Ordering::Acquire) {
            return Ok(());
        }
        self.open_all().await
    }

    /// Closes and opens every file, after a log rotation.
    pub fn reopen(&self) {
        for device in self.devices.load().iter() {
            device.reopen();
        }
    }

    /// Makes every device look whether its file is still where it should be.
    pub fn look_again(&self) {
        for device in self.devices.load().iter() {
            device.look_again();
        }
    }

    /// Entries that each device did not accept.
    pub fn failures(&self) -> Vec<(String, u64)> {
        self.devices
            .load()
            .iter()
            .map(|device| (device.row().path.clone(), device.failures()))
            .collect()
    }

    /// Whether there is any device.
    pub fn is_enabled(&self) -> bool {
        !self.devices.load().is_empty()
    }

    /// Hands the entry of a request to every device.
    pub fn request(&self, entry: &Entry<'_>) -> Acceptance {
        self.write(entry, |device, line| device.format_request(entry, line))
    }

    /// Hands the entry of an answer to every device.
    pub fn response(&self, entry: &Entry<'_>, outcome: &Outcome<'_>) -> Acceptance {
        self.write(entry, |device, line| device.format_response(entry, outcome, line))
    }

    fn write(&self, entry: &Entry<'_>, format: impl Fn(&Device, &mut Redacted)) -> Acceptance {
        let devices = self.devices.load();
        let mut tickets = Vec::with_capacity(devices.len());
        redact::with_line(|line| {
            let mut hand = |device: &Device| {
                line.clear();
                format(device, line);
                tickets.push(device.append(line));
            };
            let mut is_taken = false;
            for device in devices.iter().filter(|device| device.selection().takes(entry)) {
                hand(device);
                is_taken = true;
            }
            if let Some(rest) = devices
                .iter()
                .find(|device| device.selection().is_rest() && !is_taken)
            {
                hand(rest);
            }
        });
        if tickets.is_empty() && !devices.is_empty() {
            tracing::error!(
                "no audit device takes an entry: enable one without a filter, or with fallback=true"
            );
            tickets.push(Ticket::Settled(false));
        }
        Acceptance { tickets }
    }

    /// Configured devices.
    pub fn rows(&self) -> Vec<DeviceRow> {
        self.devices
            .load()
            .iter()
            .map(|device| device.row().clone())
            .collect()
    }

    /// Adds a device after a test entry has gone through it.
    ///
    /// # Errors
    /// What is wrong with the device or its options.
    pub async fn enable(&self, row: DeviceRow, now: Timestamp) -> Result<(), EnableError> {
        let path = row.path.trim_end_matches('/').to_owned();
        if self
            .rows
            .get(&path)
            .await
            .map_err(EnableError::Barrier)?
            .is_some()
        {
            return Err(EnableError::InUse);
        }
        let device = Device::try_open(row, &self.surroundings)?;
        let mut writes = Writes::new();
        self.check_selection(&device, &mut writes).await?;
        device.test(now, &*self.surroundings.entropy).await?;
        self.rows
            .put_in(&mut writes, &path, device.row())
            .map_err(EnableError::Barrier)?;
        self.rows
            .view()
            .commit(writes)
            .await
            .map_err(EnableError::Barrier)?;
        // The device that was tested is the one that is used, with its connection.
        let device = Arc::new(device);
        self.devices.rcu(|open| {
            let mut open = Vec::clone(open);
            open.push(device.clone());
            open
        });
        self.open_all().await.map_err(EnableError::Barrier)
    }

    /// Adds devices that write to files, without opening them: path of the device and of the file.
    pub(crate) fn put_in(
        &self,
        writes: &mut Writes,
        files: Vec<(String, String)>,
    ) -> Result<(), BarrierError> {
        for (path, file) in files {
            let row = DeviceRow {
                path: format!("{path}/"),
                kind: "file".to_owned(),
                options: [("file_path".to_owned(), file)].into(),
                salt: id::uuid_v4(&*self.surroundings.entropy),
                ..DeviceRow::default()
            };
            self.rows.put_in(writes, &path, &row)?;
        }
        Ok(())
    }

    /// Removes a device.
    ///
    /// # Errors
    /// [`EnableError::LeavesEntries`] for the last one that takes what filters of others refuse.
    pub async fn disable(&self, path: &MountPath) -> Result<(), EnableError> {
        let devices = self.devices.load_full();
        let mut left = devices.iter().filter(|device| device.row().path != path.as_str());
        let mut writes = Writes::new();
        if left.clone().any(|device| !device.selection().leaves_nothing()) {
            let other = left.find(|device| device.selection().leaves_nothing());
            self.must_stay(other.ok_or(EnableError::LeavesEntries)?, &mut writes)
                .await?;
        }
        self.rows.delete_in(&mut writes, path.trimmed());
        self.rows
            .view()
            .commit(writes)
            .await
            .map_err(EnableError::Barrier)?;
        self.open_all().await.map_err(EnableError::Barrier)
    }

    /// With a new device, each entry still has one that takes it, and there is one fallback at most.
    async fn check_selection(&self, device: &Device, writes: &mut Writes) -> Result<(), EnableError> {
        let devices = self.devices.load_full();
        let mut others = devices.iter();
        if device.selection().is_rest() {
            let other = others.find(|device| device.selection().is_rest());
            return other.map_or(Ok(()), |other| {
                Err(EnableError::SecondFallback(other.row().path.clone()))
            });
        }
        if device.selection().leaves_nothing() {
            return Ok(());
        }
        let other = others.find(|device| device.selection().leaves_nothing());
        self.must_stay(other.ok_or(EnableError::NeedsFallback)?, writes)
            .await
    }

    /// Makes `writes` fail if a device is removed at the same time, here or on another node.
    async fn must_stay(&self, device: &Device, writes: &mut Writes) -> Result<(), EnableError> {
        let name = device.row().path.trim_end_matches('/');
        let row = self.rows.get(name).await.map_err(EnableError::Barrier)?;
        self.rows
            .expect_in(writes, name, Some(&row.ok_or(EnableError::LeavesEntries)?));
        Ok(())
    }

    /// The hash of `input` as the device at `path` writes it.
    pub fn hash(&self, path: &MountPath, input: &str) -> Option<String> {
        let devices = self.devices.load();
        let device = devices.iter().find(|device| device.row().path == path.as_str())?;
        Some(device.hash(input))
    }
}

/// Why a device was not added.
#[derive(Debug, thiserror::Error)]
pub enum EnableError {
    /// There is one at this path.
    #[error("path already in use")]
    InUse,
    /// It does not open or its options are wrong.
    #[error(transparent)]
    Device(#[from] BadDevice),
    /// It has a filter, and what that refuses would be in no log.
    #[error(
        "no device takes what this filter refuses, and a request that is in no log is not served: first enable a device without a filter, or with fallback=true"
    )]
    NeedsFallback,
    /// Those that are left have filters, and what those refuse would be in no log.
    #[error(
        "the devices that are left have filters, and a request that is in no log is not served: first disable those, or enable another device without a filter or with fallback=true"
    )]
    LeavesEntries,
    /// There is a fallback device.
    #[error("there is a fallback device already: {0}")]
    SecondFallback(String),
    /// The configuration could not be kept.
    #[error(transparent)]
    Barrier(BarrierError),
}
