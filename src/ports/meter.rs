//! Metrics in Prometheus' text format.

use super::series::{Made, Series};
use behest_contract::ports::{Counter, Histogram, Meter};
use parking_lot::Mutex;
use prometheus::{Encoder, HistogramOpts, IntCounter, IntGauge, Opts, Registry, TEXT_FORMAT};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Histograms of what takes microseconds when all is well.
const FINE: [&str; 3] = ["behest_added_seconds", "behest_filter_seconds", "behest_store_seconds"];
const FINE_BUCKETS: [f64; 14] =
    [5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
const FIRST_BUCKET: f64 = 0.005;
/// Doubling, so that the last one is 655.36 s.
const BUCKETS: i32 = 18;

/// A name is a counter's or a histogram's, never both: the text format could not say so.
enum Family {
    Counters(Arc<Series<IntCounter>>),
    Histograms(Arc<Series<prometheus::Histogram>>),
}

/// All metrics of this process, in a registry of its own.
pub struct PrometheusMeter {
    registry: Registry,
    families: Mutex<HashMap<String, Family>>,
    in_flight: IntGauge,
    reload_success: IntGauge,
    reload_timestamp: IntGauge,
}

impl PrometheusMeter {
    /// A meter of this version of the gateway, and of the process it runs in.
    pub fn new(version: &str) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let gauge = |opts: Opts| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::with_opts(opts)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let build = Opts::new("behest_build_info", "Always 1; its label tells the version.");
        gauge(build.const_label("version", version))?.set(1);
        let in_flight = gauge(Opts::new("behest_in_flight", "Requests that are not over."))?;
        let reload_success = gauge(Opts::new(
            "behest_config_reload_success",
            "Whether the configuration file was accepted when it was last read.",
        ))?;
        let reload_timestamp = gauge(Opts::new(
            "behest_config_reload_timestamp_seconds",
            "When the configuration in force was read, in seconds since the Unix epoch.",
        ))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            registry,
            families: Mutex::default(),
            in_flight,
            reload_success,
            reload_timestamp,
        })
    }

    /// A number that goes up and down. Its name must be new.
    pub fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::with_opts(Opts::new(name, help))?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    /// Counts a request as being in flight for as long as what is returned lives.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight { gauge: self.in_flight.clone() }
    }

    /// Notes that the configuration file was read, and whether it is now in force.
    pub fn reloaded(&self, accepted: bool, unix: Duration) {
        self.reload_success.set(i64::from(accepted));
        if accepted {
            self.reload_timestamp.set(i64::try_from(unix.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// All metrics as text, after the text's content type.
    pub fn render(&self) -> (&'static str, Vec<u8>) {
        let mut text = Vec::new();
        let families = self.registry.gather();
        if let Err(error) = prometheus::TextEncoder::new().encode(&families, &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        (TEXT_FORMAT, text)
    }
}

impl Meter for PrometheusMeter {
    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Arc<dyn Counter> {
        let mut families = self.families.lock();
        let new = || Family::Counters(self.series(name, help, labels));
        match families.entry(name.to_owned()).or_insert_with(new) {
            Family::Counters(series) => series.clone(),
            Family::Histograms(_) => Silence::about(name),
        }
    }

    fn histogram(&self, name: &str, help: &str, labels: &[&str]) -> Arc<dyn Histogram> {
        let mut families = self.families.lock();
        let new = || Family::Histograms(self.series(name, help, labels));
        match families.entry(name.to_owned()).or_insert_with(new) {
            Family::Histograms(series) => series.clone(),
            Family::Counters(_) => Silence::about(name),
        }
    }
}

impl PrometheusMeter {
    fn series<T: Made>(&self, name: &str, help: &str, labels: &[&str]) -> Arc<Series<T>> {
        Arc::new(Series::new(self.registry.clone(), name, help, labels))
    }
}

/// Stands in for a metric whose name is taken. A mistake about metrics is no reason not to serve.
struct Silence;

impl Silence {
    fn about(name: &str) -> Arc<Self> {
        tracing::error!(metric = name, "a name is asked for as a counter and as a histogram");
        Arc::new(Self)
    }
}

impl Counter for Silence {
    fn add(&self, _: &[&str], _: u64) {}
}

impl Histogram for Silence {
    fn observe(&self, _: &[&str], _: f64) {}
}

/// A request that is not over.
#[must_use = "a request counts as over when this is dropped"]
pub struct InFlight {
    gauge: IntGauge,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

impl Made for IntCounter {
    fn made(opts: Opts) -> prometheus::Result<Self> {
        Self::with_opts(opts)
    }
}

impl Made for prometheus::Histogram {
    fn made(opts: Opts) -> prometheus::Result<Self> {
        let buckets = buckets(&opts.name);
        Self::with_opts(HistogramOpts::from(opts).buckets(buckets))
    }
}

fn buckets(name: &str) -> Vec<f64> {
    if FINE.contains(&name) {
        return FINE_BUCKETS.to_vec();
    }
    (0..BUCKETS).map(|n| FIRST_BUCKET * f64::from(n).exp2()).collect()
}

impl Counter for Series<IntCounter> {
    fn add(&self, labels: &[&str], by: u64) {
        self.with(labels, |counter| counter.inc_by(by));
    }
}

impl Histogram for Series<prometheus::Histogram> {
    fn observe(&self, labels: &[&str], seconds: f64) {
        self.with(labels, |histogram| histogram.observe(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::PrometheusMeter;
    use behest_contract::ports::Meter;
    use std::time::Duration;

    fn meter() -> PrometheusMeter {
        PrometheusMeter::new("0.1.0").unwrap()
    }

    fn text(meter: &PrometheusMeter) -> String {
        let (content_type, text) = meter.render();
        assert!(content_type.starts_with("text/plain; version=0.0.4"));
        String::from_utf8(text).unwrap()
    }

    fn has(meter: &PrometheusMeter, line: &str) -> bool {
        text(meter).lines().any(|own| own == line)
    }

    fn bounds(meter: &PrometheusMeter, name: &str) -> Vec<String> {
        let text = text(meter);
        let own = text.lines().filter(|line| line.starts_with(&format!("{name}_bucket")));
        let bound =
            |line: &str| line.split("le=\"").nth(1).unwrap().split('"').next().unwrap().into();
        own.map(bound).collect()
    }

    #[test]
    fn a_counter_that_is_asked_for_twice_is_one() {
        let meter = meter();
        let ask = || meter.counter("behest_x_total", "X.", &["kind"]);
        ask().add(&["a"], 2);
        ask().add(&["a"], 3);
        ask().add(&["b"], 1);
        let text = text(&meter);
        assert!(text.contains("# HELP behest_x_total X.\n# TYPE behest_x_total counter\n"));
        assert!(text.contains("behest_x_total{kind=\"a\"} 5\nbehest_x_total{kind=\"b\"} 1\n"));
    }

    #[test]
    fn label_values_that_read_alike_when_joined_stay_apart() {
        let meter = meter();
        let counter = meter.counter("behest_x_total", "X.", &["provider", "kind"]);
        counter.add(&["ab", "c"], 1);
        counter.add(&["a", "bc"], 2);
        assert!(has(&meter, "behest_x_total{kind=\"c\",provider=\"ab\"} 1"));
        assert!(has(&meter, "behest_x_total{kind=\"bc\",provider=\"a\"} 2"));
    }

    #[test]
    fn a_counter_without_labels_starts_at_nothing() {
        let meter = meter();
        let counter = meter.counter("behest_x_total", "X.", &[]);
        assert!(has(&meter, "behest_x_total 0"));
        counter.add(&[], 4);
        assert!(has(&meter, "behest_x_total 4"));
    }

    #[test]
    fn a_mistake_about_a_metric_harms_no_request() {
        let meter = meter();
        let counter = meter.counter("behest_x_total", "X.", &["kind"]);
        counter.add(&[], 1);
        counter.add(&["a", "b"], 1);
        meter.counter("no name", "X.", &[]).add(&[], 1);
        meter.histogram("behest_x_total", "X.", &["kind"]).observe(&["b"], 1.0);
        counter.add(&["a"], 1);
        assert!(has(&meter, "behest_x_total{kind=\"a\"} 1"));
    }

    #[test]
    fn durations_fall_into_doubling_buckets() {
        let meter = meter();
        let histogram = meter.histogram("behest_request_duration_seconds", "D.", &["endpoint"]);
        histogram.observe(&["chat"], 0.03);
        let bounds = bounds(&meter, "behest_request_duration_seconds");
        assert_eq!(bounds.len(), 19);
        assert_eq!(bounds[..4], ["0.005", "0.01", "0.02", "0.04"]);
        assert_eq!(bounds[17..], ["655.36", "+Inf"]);
        let name = "behest_request_duration_seconds";
        assert!(has(&meter, &format!("{name}_bucket{{endpoint=\"chat\",le=\"0.02\"}} 0")));
        assert!(has(&meter, &format!("{name}_bucket{{endpoint=\"chat\",le=\"0.04\"}} 1")));
        assert!(has(&meter, &format!("{name}_sum{{endpoint=\"chat\"}} 0.03")));
    }

    #[test]
    fn what_takes_microseconds_has_finer_buckets() {
        let meter = meter();
        for name in super::FINE {
            meter.histogram(name, "F.", &["filter"]).observe(&["quota"], 0.0001);
            let bounds = bounds(&meter, name);
            assert_eq!((bounds[0].as_str(), bounds[13].as_str()), ("0.00005", "1"));
        }
    }

    #[test]
    fn a_request_is_in_flight_until_it_is_dropped() {
        let meter = meter();
        let (one, two) = (meter.in_flight(), meter.in_flight());
        assert!(has(&meter, "behest_in_flight 2"));
        drop((one, two));
        assert!(has(&meter, "behest_in_flight 0"));
    }

    #[test]
    fn a_failed_reload_keeps_the_time_of_the_last_good_one() {
        let meter = meter();
        meter.reloaded(true, Duration::from_secs(1_772_271_667));
        meter.reloaded(false, Duration::from_secs(1_772_279_999));
        assert!(has(&meter, "behest_config_reload_success 0"));
        assert!(has(&meter, "behest_config_reload_timestamp_seconds 1772271667"));
    }

    #[test]
    fn version_and_process_are_told() {
        let meter = meter();
        assert!(has(&meter, "behest_build_info{version=\"0.1.0\"} 1"));
        #[cfg(target_os = "linux")]
        assert!(text(&meter).contains("\nprocess_resident_memory_bytes "));
    }
}
