package mirror

import (
	"context"
	"time"

	"github.com/connectd/connectd/connect/config"
)

// planTimeout bounds a dry run within a validation: less than a request may take.
const planTimeout = time.Minute

// planValue is the name of the value that holds a plan.
const planValue = "plan"

// planned adds the plan to the values if the config asks for it: a value that says how much there is to do, or why there
// is no plan, with one line for each thing as recommended values.
func planned(ctx context.Context, clients Clients, dial dialer, props map[string]string, values []config.Value) []config.Value {
	v, err := planDef.Parse(props)
	if err != nil {
		return checkOwn(planDef, props, values)
	}
	if !v.Bool(propPlan) {
		return values
	}
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	out := config.Value{Name: planValue, Visible: true}
	var items []PlanItem
	if !addressed(props) {
		out.Value = "no plan: both clusters' bootstrap.servers must be given"
		return append(values, out)
	}
	if err = reachable(ctx, dial, props); err == nil {
		items, err = Plan(ctx, clients, props)
	}
	if err != nil {
		out.Value = "no plan: " + err.Error()
		return append(values, out)
	}
	out.Value = plural(len(items), "thing") + " to do; nothing was written"
	for _, i := range items {
		out.RecommendedValues = append(out.RecommendedValues, i.String())
	}
	return append(values, out)
}

// Validate implements connect.Validator, for a dry run only.
func (c *heartbeatConnector) Validate(ctx context.Context, props map[string]string, values []config.Value) []config.Value {
	return planned(ctx, c.clients, nil, props, values)
}
