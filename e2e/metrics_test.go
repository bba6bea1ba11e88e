package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/connectd/connectd/internal/testkit"
)

// scrape reads a worker's metrics.
func scrape(ctx context.Context, n *node) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics answered %s", resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(resp.Body)
}

// awaitMetrics waits until the sums of metrics over all nodes lie between two values.
func awaitMetrics(t *testing.T, nodes []*node, want map[string][2]float64) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		sums := map[string]float64{}
		for _, n := range nodes {
			families, err := scrape(ctx, n)
			if err != nil {
				return err
			}
			for name, f := range families {
				for _, m := range f.Metric {
					v := m.GetGauge().GetValue() + m.GetCounter().GetValue()
					sums[name] += v
					for _, l := range m.Label {
						sums[name+" "+l.GetValue()] += v
					}
				}
			}
		}
		for name, between := range want {
			if v := sums[name]; v < between[0] || v > between[1] {
				return fmt.Errorf("%s is %v, not between %v and %v", name, v, between[0], between[1])
			}
		}
		return nil
	})
}
