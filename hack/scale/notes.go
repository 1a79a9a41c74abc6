package main

// beside says in which state the machine was.
const beside = `Other programs used both cores meanwhile, and the machine stood still for up to
a minute at a time, so that CPU, memory and writes mean more than the times, and CPU is rather too high. Edits of 2,000 routes alone were measured
while everything else stood still.

Three figures with 2,000 routes are of the state before the last three steps: resident memory, which led to collecting the
heap earlier and to connections without a timer each, CPU of a start, of whose 27,700 requests 4,000 are not made any more, and writes at a restart,
whose cause was found by them and is held by a test (below). They have not been measured again, and 500 routes not with
today's operator at all.`

// method says what was measured.
const method = `A trial begins with an empty cluster: etcd and kube-apiserver as they are, our CRD, the operator's role, and routes that
are copies of config/samples/orders.yaml, half of them in one namespace and half in ten others. The operator is the
program that is installed, with the memory limit that it has there (256 MiB), without a Lease where others may stop the
machine for longer than that lasts. What Kubernetes would do with Deployments is stood in for: two Pods for each, and for
each Pod an address on loopback where /status answers what a proxy's own statistics say after an hour of steady traffic, 0.2 to
20 calls a second. A Pod whose annotations change has the new document after 190 ms, as a kubelet was measured to take.

- **start**: from the operator's start until every route is ready and no pass was made for three seconds. The operator
  makes 100 requests a second at most, so that the time hangs on their number, and polls go on meanwhile.
- **pass**: a Service of each route is touched; CPU that polling takes at rest is taken off.
- **rest**: a minute in which nothing happens. **restart**: another process takes over.
- **edit**: one number of a spec; a tenth of all routes within a minute, 30 at least. Writes are those of the audit log. Times are those at
  which a watcher sees it; the status says that it is served once both proxies have said so.

CPU is that of the operator's process, user and system. Before is commit a40dfcf5, on the same machine.

`

// notes are what no trial can say.
const notes = `## Where the time goes

![a cold start](operations/pictures/scale-start.svg)

![at rest](operations/pictures/scale-rest.svg)

Green is ours, orange Kubernetes' libraries, yellow encoding, blue the network, grey the Go runtime. Hover for names and
times.

## What helped

| | before | after |
|---|---|---|
| Pods of a route from an index, shared and not copied; children in the cache without what nobody reads: a pass among 500 routes | 3.7 ms | 2.2 ms |
| the same, with what we have applied picked by the managed fields instead of client-go's reading: resident with 500 routes | 201 MiB | 168 MiB |
| exchanges with proxies in the poll's own goroutine, so that a connection is a socket and a timer; Pods without what nobody reads; the heap collected when it has grown by half: resident with 500 routes | 168 MiB | 106 MiB |
| an edit told once, and not before the cache has seen the last write: writes an edit, events among them | 7.5 | 4, held by TestAnEditIsFourWrites |
| Services that backends name asked for once in five seconds and at each edit: requests for them a route at a start | 7.7 | 3 |
| counts by bucket read without a map, and reports of the one window that is asked for: a report of three backends, go test -bench Decode ./internal/stats | 536 things made | 116 |
| the same reports bounded where they were decoded, windows without maps | 116 things made, 22 KB | 31, 4.5 KB |
| texts of reports and buffers of connections used again, by the poll | 12 KB | none |
| no status kept for the metrics, which held the route, its children and Pods; no maps of windows; of field managers only others: live heap with 2,000 routes | 142 MiB | 74 MiB |
| all of these, with 800 polls a second: share of a core, by profiles of 20 s | 0.225 | 0.093 |
| who is due looked for among the routes that say so, go test -bench Look ./internal/rates | 0.40 ms | 0.06 to 0.09 ms |
| children and statuses sent as the JSON that they are compared by, answers read once, or not at all; one event of a new route instead of three; all of the above: CPU of a start with 2,000 routes | 83 s | 40 s |
| a Pod told again only once its proxy was heard, on a machine that stood still now and then: words to 100 Pods | 102 | 100 |
| what reports take reckoned as it is: Pods of one namespace that have room for the durations of two backends. Those that had none changed at a restart, which wrote 1,096 statuses of 2,000 | 1,000 | 2,000, held by TestAThousandRoutesHaveRoom |

At rest a fifth of the CPU is the collecting of what polls make and throw away, a third the decoding of reports, a quarter
the exchanges, of which half is the kernel's: a report that says only what has moved would spare most of it. At a start a
tenth is reading what of a child is ours, twice for each write, and a fifth the routes that come back by the watch with each
write of a status, of which there are 2.8 a route: that is where to go on.

## What did not help

- A decoder of our own that left out the other windows. Where proxies leave them out, and counts are read without a map, it saved
  another 0.016 ms a report, which is 0.013 of a core with 4,000 proxies, and named every field of a report once more.
- A watch of Services, to know which exist: it brings every Service of the cluster into memory. Remembering for five
  seconds costs nothing.
- Comparing the managed fields' own bytes instead of what they name: what the subresource scale writes changes a value and no field's
  owner, so that a foreign edit could stay unseen. The check stayed.
- Reading what is ours of a child by way of apimachinery's converter instead of JSON: it clears the fields of the intent that
  are not among them, its kind and name, so that all children would be written anew at a restart.
- Making children without looking for a namesake first would spare four requests a route at a start. Server-side apply
  adopts whatever bears the name, so that they stay.
`
