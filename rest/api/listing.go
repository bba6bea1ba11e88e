package api

// Listed is one connector in the answer to GET /connectors?expand=…, each part encoded already. It is shared by answers and
// never changed.
type Listed struct {
	// Name is a JSON string.
	Name []byte
	// Status is a ConnectorStatus, Info a ConnectorInfo; nil where the connector has none.
	Status, Info []byte
}

// NewListed encodes a connector. A nil status or info stays nil.
func NewListed(name string, status *ConnectorStatus, info *ConnectorInfo) (*Listed, error) {
	var l Listed
	var err error
	if l.Name, err = Marshal(name); err != nil {
		return nil, err
	}
	if status != nil {
		if l.Status, err = Marshal(status); err != nil {
			return nil, err
		}
	}
	if info != nil {
		if l.Info, err = Marshal(info); err != nil {
			return nil, err
		}
	}
	return &l, nil
}
