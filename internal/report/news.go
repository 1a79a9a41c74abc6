package report

import (
	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/writes"
)

// News says what a status tells beyond the one that is there.
func News(status, before *v1alpha1.FanoutRouteStatus) writes.News {
	switch {
	case Told(status) != Told(before):
		return writes.Generation
	case worse(status, before):
		return writes.Worse
	case !sameConditions(status, before), recovered(status, before):
		return writes.Condition
	}
	return writes.Figures
}
