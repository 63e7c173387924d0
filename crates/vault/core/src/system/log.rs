//! Levels of the log, and its lines as they are written.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::log as api;
use arca_base::{Json, RequestPath};

use super::System;
use crate::engine::{Answer, Cx, Table};
use crate::events::Viewer;
use crate::fault::Fault;
use crate::log::{LOGGERS, Level, Lines};

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadLoggers, _, _>(read_all)
        .on::<api::UpdateLoggers, _, _>(set_all)
        .on::<api::DeleteLoggers, _, _>(reset_all)
        .on::<api::ReadLogger, _, _>(read)
        .on::<api::UpdateLogger, _, _>(set)
        .on::<api::DeleteLogger, _, _>(reset)
        .on::<api::ReadMonitor, _, _>(monitor)
        .reads_only()
}

fn logger(name: &str) -> Option<usize> {
    LOGGERS.iter().position(|(known, _)| *known == name)
}

fn known(name: &str) -> Result<usize, Fault> {
    logger(name).ok_or_else(|| {
        let names: Vec<&str> = LOGGERS.iter().map(|(name, _)| *name).collect();
        Fault::invalid(format!(
            "logger {name:?} not found; there are {}",
            names.join(", ")
        ))
    })
}

fn level(text: &str) -> Result<Level, Fault> {
    let level = Level::parse(text).filter(|_| !text.trim().is_empty());
    level.ok_or_else(|| Fault::invalid(format!("invalid level provided: use {}", Level::EXPECTED)))
}

async fn read_all(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let log = &cx.active()?.settings.log;
    let levels = LOGGERS.iter().enumerate();
    let shown: Json = levels
        .map(|(at, (name, _))| ((*name).to_owned(), Json::from(log.level(at).as_str())))
        .collect();
    Ok(Answer::data(&shown))
}

async fn read(_: Arc<System>, cx: Cx, request: api::LoggerName) -> Result<Answer, Fault> {
    let at = logger(&request.name).ok_or_else(Fault::absent)?;
    let level = cx.active()?.settings.log.level(at).as_str();
    Ok(Answer::data(
        &[(request.name, Json::from(level))].into_iter().collect(),
    ))
}

fn put(cx: &Cx, logger: Option<usize>, level: Option<Level>) -> Result<Answer, Fault> {
    cx.active()?.settings.log.set(logger, level);
    Ok(Answer::empty())
}

async fn set_all(_: Arc<System>, cx: Cx, request: api::WriteLevel) -> Result<Answer, Fault> {
    put(&cx, None, Some(level(&request.level)?))
}

async fn reset_all(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    put(&cx, None, None)
}

async fn set(_: Arc<System>, cx: Cx, request: api::WriteLogger) -> Result<Answer, Fault> {
    put(&cx, Some(known(&request.name)?), Some(level(&request.level)?))
}

async fn reset(_: Arc<System>, cx: Cx, request: api::LoggerName) -> Result<Answer, Fault> {
    put(&cx, Some(known(&request.name)?), None)
}

async fn monitor(_: Arc<System>, cx: Cx, request: api::Monitor) -> Result<Answer, Fault> {
    let level = match &*request.log_level {
        "" => Level::Info,
        text => self::level(text)?,
    };
    let json = match &*request.log_format {
        "" | "standard" => false,
        "json" => true,
        _ => return Err(Fault::invalid("log_format must be \"standard\" or \"json\"")),
    };
    let (active, caller) = (cx.active()?, cx.caller()?);
    if caller.inline {
        return Err(Fault::invalid(
            "following the log needs a token: a login inside the request ends with the request",
        ));
    }
    let following = active.settings.log.follow(level, json);
    let following =
        following.ok_or_else(|| Fault::unavailable("the log is followed by too many, or there is none"))?;
    let viewer = Viewer::new(active, caller, "", RequestPath::parse("sys/monitor")?);
    Ok(Answer::lines(Lines::new(
        following,
        level,
        viewer,
        active.stop.clone(),
    )))
}
