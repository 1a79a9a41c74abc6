package v1alpha1

// RateLimitStoreType is the kind of a store.
//
// +kubebuilder:validation:Enum=Redis
type RateLimitStoreType string

// StoreRedis is Redis, or Valkey.
const StoreRedis RateLimitStoreType = "Redis"

// RateLimitStore is where the proxies of a route count together, for limits with scope
// Route.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Redis') == has(self.redis)",message="rateLimitStore.redis goes with type Redis, and must be set there"
type RateLimitStore struct {
	// type is Redis, which stands for Valkey too.
	// +required
	Type RateLimitStoreType `json:"type,omitempty"`

	// redis goes with type Redis.
	// +optional
	Redis *RedisStore `json:"redis,omitempty"`

	// timeout is how long a call waits for the store, 1ms to 1s. When the time is up, and
	// until the store answers in time again, onStoreFailure of the limits holds.
	// Default: 50ms.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('1s')",message="rateLimitStore.timeout must be between 1ms and 1s"
	Timeout Duration `json:"timeout,omitempty"`
}

// RedisTopology says how the servers stand to each other.
//
// +kubebuilder:validation:Enum=Standalone;Sentinel;Cluster
type RedisTopology string

// How the servers stand to each other.
const (
	RedisStandalone RedisTopology = "Standalone"
	RedisSentinel   RedisTopology = "Sentinel"
	RedisCluster    RedisTopology = "Cluster"
)

// RedisStore is a Redis or Valkey: one server, one that Sentinel names, or a cluster.
//
// +kubebuilder:validation:XValidation:rule="(has(self.topology) && self.topology == 'Sentinel') == has(self.masterName)",message="rateLimitStore.redis.masterName goes with topology Sentinel, and must be set there"
// +kubebuilder:validation:XValidation:rule="(has(self.topology) && self.topology != 'Standalone') || self.addresses.size() == 1",message="rateLimitStore.redis.addresses must be one with topology Standalone"
// +kubebuilder:validation:XValidation:rule="!has(self.topology) || self.topology != 'Cluster' || !has(self.database)",message="rateLimitStore.redis.database cannot go with topology Cluster, which has one alone"
type RedisStore struct {
	// addresses are host:port of the server, of the sentinels, or of some of the cluster.
	// A host is what that of a backend's url may be. 1 to 16.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=261
	// +kubebuilder:validation:items:Pattern=`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$`
	Addresses []string `json:"addresses,omitempty"`

	// topology is Standalone (default), Sentinel or Cluster. All buckets of a route are on
	// one server of a cluster.
	// +optional
	Topology RedisTopology `json:"topology,omitempty"`

	// masterName is what the sentinels call the server.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	MasterName string `json:"masterName,omitempty"`

	// database is the number of the database, 0 to 15. Default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=15
	Database *int32 `json:"database,omitempty"`

	// secretName is the Secret with password and, for an ACL user, username; for sentinels
	// that ask for their own, sentinelPassword and sentinelUsername. What is rotated holds
	// from the next connection on. Default: no password.
	// +optional
	SecretName SecretName `json:"secretName,omitempty"`

	// tls makes the connections ones of TLS, 1.2 or later. Default: plain.
	// +optional
	TLS *RedisTLS `json:"tls,omitempty"`

	// keyPrefix is what all keys begin with, so that others may use the database, too.
	// Default: fanout:.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9:._/-]+$`
	// +kubebuilder:validation:MaxLength=64
	KeyPrefix string `json:"keyPrefix,omitempty"`
}

// RedisTLS says how the servers prove who they are.
type RedisTLS struct {
	// caSecretName is the Secret whose ca.crt holds the authorities to believe, instead of
	// the public ones.
	// +optional
	CASecretName SecretName `json:"caSecretName,omitempty"`

	// serverName is the name that the certificates must have. Default: the host of each.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.:_-]+$`
	// +kubebuilder:validation:MaxLength=253
	ServerName string `json:"serverName,omitempty"`

	// clientCertificateSecretName is the Secret (kubernetes.io/tls) whose tls.crt and
	// tls.key the servers are shown. Default: none.
	// +optional
	ClientCertificateSecretName SecretName `json:"clientCertificateSecretName,omitempty"`
}
