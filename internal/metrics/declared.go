package metrics

import "github.com/prometheus/client_golang/prometheus"

// Kinds of metric.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// Metric is one declared metric. Its labels are these, in this order.
type Metric struct {
	Name, Kind, Help string
	Labels           []string

	desc *prometheus.Desc
}

// All are the metrics that are declared, in the order of their declaration.
// What Go's runtime and the process tell is added by client_golang.
var All []*Metric

func declare(name, kind, help string, labels ...string) *Metric {
	m := &Metric{Name: name, Kind: kind, Help: help, Labels: labels, desc: prometheus.NewDesc(name, help, labels, nil)}
	All = append(All, m)
	return m
}

// Of a process.
var (
	BuildInfo = declare("faasd_build_info", gauge, "What runs; always 1.", "version", "commit", "go", "zeromq")
)

// Of every part; name is the part's.
var (
	PartUp       = declare("faasd_part_up", gauge, "1 if the part has answered within a second; 0 if not, and nothing else is told of it then.", "role", "name")
	PartReady    = declare("faasd_part_ready", gauge, "1 if the part does what it is for, as at /readyz.", "role", "name")
	PartDraining = declare("faasd_part_draining", gauge, "1 while the part takes no new jobs, because it stops or by command; of parts that have jobs.", "role", "name")

	BusSent          = declare("faasd_bus_sent_messages_total", counter, "Messages handed to ZeroMQ.", "role", "name", "link")
	BusSentBytes     = declare("faasd_bus_sent_bytes_total", counter, "Bytes of these.", "role", "name", "link")
	BusReceived      = declare("faasd_bus_received_messages_total", counter, "Messages taken from ZeroMQ.", "role", "name", "link")
	BusReceivedBytes = declare("faasd_bus_received_bytes_total", counter, "Bytes of these.", "role", "name", "link")
	BusDropped       = declare("faasd_bus_dropped_sends_total", counter, "Messages that ZeroMQ would not take; links repeat them.", "role", "name", "link")
	BusMalformed     = declare("faasd_bus_malformed_messages_total", counter, "Messages that could not be used and were dropped, and connections refused because they do not speak ZeroMQ's protocol.", "role", "name", "link")
	BusEnded         = declare("faasd_bus_ended_connections_total", counter, "Connections to a bound link that ended: the other side went, was silent, or began a frame of more than twice the link's limit.", "role", "name", "link")
)

// Of frontends.
var (
	HTTPRequests = declare("faasd_http_requests_total", counter, "HTTP requests answered, by status; 499 is a client that went away.", "status")
	HTTPSeconds  = declare("faasd_http_request_seconds", histogram, "Time from a request's header to the end of its answer.")

	FrontendOpen       = declare("faasd_frontend_open_jobs", gauge, "Jobs accepted and not yet answered.", "name")
	FrontendAccepted   = declare("faasd_frontend_accepted_jobs_total", counter, "Jobs that a broker had room for.", "name")
	FrontendRefused    = declare("faasd_frontend_refused_jobs_total", counter, "Jobs that were not accepted, by why: unknown-function, not-up, not-known-yet, full, no-broker, stopping.", "name", "reason")
	FrontendJobs       = declare("faasd_frontend_jobs_total", counter, "Jobs answered, by result.", "name", "function", "result")
	FrontendJobSeconds = declare("faasd_frontend_job_seconds", histogram, "Time from a job's acceptance to its answer.", "name", "function")
	FrontendLate       = declare("faasd_frontend_late_results_total", counter, "Results of jobs that were closed already, dropped.", "name")
)

// Of brokers.
var (
	BrokerQueues   = declare("faasd_broker_queues", gauge, "Queues that are given jobs.", "name")
	BrokerHolding  = declare("faasd_broker_held_jobs", gauge, "Jobs accepted and not yet answered.", "name")
	BrokerUnrouted = declare("faasd_broker_unrouted_jobs", gauge, "Of these, those that no queue has room for.", "name")
	BrokerAccepted = declare("faasd_broker_accepted_jobs_total", counter, "Jobs accepted.", "name")
	BrokerAnswered = declare("faasd_broker_answered_jobs_total", counter, "Jobs whose result was sent to its frontend.", "name")
	BrokerLate     = declare("faasd_broker_late_results_total", counter, "Results of jobs that were closed already, dropped.", "name")
)

// Of queues.
var (
	QueueWaiting     = declare("faasd_queue_waiting_jobs", gauge, "Jobs that no worker has.", "name", "function")
	QueueRunning     = declare("faasd_queue_running_jobs", gauge, "Jobs that a worker has.", "name", "function")
	QueueOldest      = declare("faasd_queue_oldest_waiting_job_seconds", gauge, "Age of the job that has waited longest; 0 if none waits.", "name", "function")
	QueueWorkers     = declare("faasd_queue_workers", gauge, "Workers that have joined, by state: idle, busy, draining, dying; lost ones are told of for a while.", "name", "state")
	QueueSlots       = declare("faasd_queue_slots", gauge, "Jobs that all its workers can run at a time.", "name")
	QueueFree        = declare("faasd_queue_free_slots", gauge, "Slots without a job.", "name")
	QueueArrived     = declare("faasd_queue_arrived_jobs_total", counter, "Jobs that came; one that comes again counts once.", "name")
	QueueJobs        = declare("faasd_queue_jobs_total", counter, "Jobs whose result was sent on, by result.", "name", "function", "result")
	QueueJobSeconds  = declare("faasd_queue_job_seconds", histogram, "Time from a job's arrival until its result is sent on.", "name", "function")
	QueueHandovers   = declare("faasd_queue_handovers_total", counter, "Jobs moved between queues: given to another, or taken from one.", "name", "direction")
	QueueRetries     = declare("faasd_queue_retries_total", counter, "Runs started of jobs that had been started before.", "name")
	QueueLostWorkers = declare("faasd_queue_lost_workers_total", counter, "Workers lost, those killed by an operator included.", "name")
	QueueLate        = declare("faasd_queue_late_results_total", counter, "Results of jobs that were closed already, dropped.", "name")
)

// Of workers.
var (
	WorkerSlots      = declare("faasd_worker_slots", gauge, "Jobs that it runs at a time.", "name")
	WorkerRunning    = declare("faasd_worker_running_jobs", gauge, "Jobs that it runs.", "name")
	WorkerRuns       = declare("faasd_worker_runs_total", counter, "Runs that ended, by result.", "name", "function", "result")
	WorkerRunSeconds = declare("faasd_worker_run_seconds", histogram, "Time that a run took.", "name", "function")
)

// Of coordinators, and of who keeps the workers of `faasd up`.
var (
	CoordinatorMembers  = declare("faasd_coordinator_members", gauge, "Parts that publish through it.", "name")
	SupervisorWanted    = declare("faasd_supervisor_wanted_workers", gauge, "Worker processes that are to run.", "name")
	SupervisorProcesses = declare("faasd_supervisor_worker_processes", gauge, "Worker processes that run.", "name")
)
