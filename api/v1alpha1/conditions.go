package v1alpha1

// The conditions of a FanoutRoute. Ready is True when Accepted, ResolvedRefs and
// Programmed are.
const (
	// ConditionAccepted: the spec compiles. Where there is something to say of it, the
	// reason is the first of MemoryLimitTooSmall, AcceptedUnauthenticated and WithoutEffect,
	// in this order, that applies, and the message lists all. Reasons: Accepted, those three,
	// Invalid, NameConflict.
	ConditionAccepted = "Accepted"
	// ConditionResolvedRefs: the proxies hold every key of a Secret or a ConfigMap that the
	// spec names, can use it, and may send it, the keys of issuers are no older than 15
	// minutes, and the Services of backends exist. Reasons: ResolvedRefs, BackendNotFound,
	// SecretMissing, ConfigMapMissing, SecretUnusable, IssuerUnusable, ConfigMapUnusable,
	// NoPods, Pending, CertificateExpired, and CertificateExpiring, with which it is True: one
	// that the listener, a backend or a token endpoint is shown ends within 14 days.
	ConditionResolvedRefs = "ResolvedRefs"
	// ConditionProgrammed: at least one proxy is ready, and all ready ones serve
	// the spec. With proxy.mode Sidecar it is so too while no Pod has one: the first
	// will serve it. What keeps Pods from being there is in its message. For at most
	// 10 s after an edit it speaks of the generation that is still served. Reasons:
	// Programmed, NoProxies, NoPods, Pending, ProxiesUnreachable, UnsupportedReport (of a
	// proxy, by its version), Refused (a child), ReplicaFailure (Pods, by quota, policy or
	// webhook), ProgressDeadlineExceeded.
	ConditionProgrammed = "Programmed"
	// ConditionReady sums up the three above and takes the reason of the one that hurts
	// most: Accepted, then a known fault before what is not known yet. It is True with
	// reason NoProxies where spec.proxy.replicas is 0. Reasons: Ready, and theirs.
	ConditionReady = "Ready"
	// ConditionBackendsHealthy: no backend is failing. It is no part of Ready: a
	// supplier's failure is no failure of a deployment. Reasons: BackendsHealthy,
	// BackendsFailing, NoTraffic.
	ConditionBackendsHealthy = "BackendsHealthy"
	// ConditionRateLimitStoreReachable: the store of limits with scope Route answers all
	// proxies in time. Where there is such a limit alone, and no part of Ready:
	// onStoreFailure holds meanwhile. Reasons: RateLimitStoreReachable,
	// RateLimitStoreUnreachable, Pending.
	ConditionRateLimitStoreReachable = "RateLimitStoreReachable"
	// ConditionSidecarsInjected: every Pod that is labelled for the route has its
	// sidecar. With proxy.mode Sidecar alone, and no part of Ready: the Pods work
	// as they did before. Reasons: SidecarsInjected, SidecarsMissing.
	ConditionSidecarsInjected = "SidecarsInjected"
	// ConditionReconciling is kstatus': the spec is not served yet, or the rollout of the
	// Pods has never been complete. Proxies that are lost later, and other numbers of
	// them, do not make it True again. Reasons: Reconciling, Reconciled.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is kstatus': the spec cannot work until somebody changes it, or the
	// rollout has not moved within the Deployment's progressDeadlineSeconds (600 s). Never
	// True together with Reconciling. Reasons: Invalid, NameConflict,
	// ProgressDeadlineExceeded, Reconciled.
	ConditionStalled = "Stalled"
)

// The reasons of the conditions.
const (
	ReasonAccepted                = "Accepted"
	ReasonAcceptedUnauthenticated = "AcceptedUnauthenticated"
	ReasonMemoryLimitTooSmall     = "MemoryLimitTooSmall"
	ReasonWithoutEffect           = "WithoutEffect"
	ReasonInvalid                 = "Invalid"
	ReasonNameConflict            = "NameConflict"
	ReasonResolvedRefs            = "ResolvedRefs"
	ReasonConfigMapMissing        = "ConfigMapMissing"
	ReasonConfigMapUnusable       = "ConfigMapUnusable"
	ReasonSecretMissing           = "SecretMissing"
	ReasonBackendNotFound         = "BackendNotFound"
	ReasonSecretUnusable          = "SecretUnusable"
	ReasonIssuerUnusable          = "IssuerUnusable"
	ReasonCertificateExpiring     = "CertificateExpiring"
	ReasonCertificateExpired      = "CertificateExpired"
	ReasonProgrammed              = "Programmed"
	ReasonNoProxies               = "NoProxies"
	ReasonProxiesUnreachable      = "ProxiesUnreachable"
	ReasonUnsupportedReport       = "UnsupportedReport"
	ReasonRefused                 = "Refused"
	ReasonReplicaFailure          = "ReplicaFailure"
	ReasonReady                   = "Ready"
	ReasonPending                 = "Pending"
	ReasonBackendsHealthy         = "BackendsHealthy"
	ReasonBackendsFailing         = "BackendsFailing"
	ReasonNoTraffic               = "NoTraffic"
	ReasonNoPods                  = "NoPods"
	ReasonStoreReachable          = "RateLimitStoreReachable"
	ReasonStoreUnreachable        = "RateLimitStoreUnreachable"
	ReasonSidecarsInjected        = "SidecarsInjected"
	ReasonSidecarsMissing         = "SidecarsMissing"
	ReasonReconciled              = "Reconciled"
	ReasonReconciling             = "Reconciling"
	// ReasonCallsRefused is of events alone: over 5 % of the calls of five minutes are refused.
	ReasonCallsRefused = "CallsRefused"
	// ReasonProgressDeadlineExceeded is the Deployment's own.
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"
)
