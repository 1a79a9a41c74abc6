package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

func (s *scene) exists(object client.Object) bool {
	s.t.Helper()
	return s.there("orders-fanout", object)
}

func (s *scene) there(name string, object client.Object) bool {
	s.t.Helper()
	err := steady(func() error { return kube.Get(s.t.Context(), s.key(name), object) })
	if err != nil && !apierrors.IsNotFound(err) {
		s.t.Fatal(err)
	}
	return err == nil
}

// A real autoscaler raises the number to its least, and nobody takes it back.
func TestAutoscalerIsNotFoughtOver(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.agents("one")
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Replicas = new(int32(1))
		r.Spec.Proxy.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: 3, MaxReplicas: 4}
		r.Spec.Proxy.NetworkPolicy = &v1alpha1.ProxyNetworkPolicy{}
	})
	number := func() int32 { return *get(s, "orders-fanout", &appsv1.Deployment{}).Spec.Replicas }
	eventually(t, "there are the objects", func() bool {
		return s.exists(&appsv1.Deployment{}) && s.exists(&autoscalingv2.HorizontalPodAutoscaler{}) &&
			s.exists(&networkingv1.NetworkPolicy{}) && s.exists(&policyv1.PodDisruptionBudget{})
	})
	eventually(t, "the autoscaler has raised the number", func() bool { return number() == 3 })
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Resources.Limits = nil })
	s.ready("orders")
	s.rolledOut("orders-fanout")
	if number() != 3 {
		t.Errorf("the number is %d after an edit, want the autoscaler's 3", number())
	}
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Proxy.Autoscaling, r.Spec.Proxy.NetworkPolicy = nil, nil
	})
	eventually(t, "the route's number holds, and what it does not ask for is gone", func() bool {
		return number() == 1 && !s.exists(&autoscalingv2.HorizontalPodAutoscaler{}) &&
			!s.exists(&networkingv1.NetworkPolicy{}) && !s.exists(&policyv1.PodDisruptionBudget{})
	})
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Mode = v1alpha1.ModeSidecar })
	eventually(t, "a sidecar needs neither", func() bool { return !s.exists(&appsv1.Deployment{}) && !s.exists(&corev1.Service{}) })
}

// certificate is a Secret as cert-manager writes it.
func certificate(t *testing.T, host string) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return map[string]string{
		"tls.crt": public, "ca.crt": public,
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
}

// One route calls another one over TLS, with the certificate that it is to trust.
func TestListenerWithTLS(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	agents := s.agents("one", "load")
	host := "secure-fanout." + s.namespace + ".svc"
	pair := certificate(t, host)
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "orders-tls"}, Type: corev1.SecretTypeTLS, StringData: pair})
	s.route("secure", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Listener.TLS = &v1alpha1.ListenerTLS{SecretName: "orders-tls"}
	})
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0] = v1alpha1.Backend{
			Name: "secure", URL: "https://" + host + ":8080/", TLS: &v1alpha1.BackendTLS{CASecretName: "orders-tls"},
		}
	})
	s.ready("secure")
	s.ready("orders")
	if url := get(s, "secure", &v1alpha1.FanoutRoute{}).Status.URL; url != "https://"+host+":8080" {
		t.Errorf("the URL is %q", url)
	}
	agents[1].load(s.url("orders"), 20, 2, true)
	agents[1].sent(20)
	s.allGood(agents[1].end())
}
