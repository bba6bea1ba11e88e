package worker

import "github.com/connectd/connectd/worker/herder"

// View shows tests what the loop last published.
func (w *Worker) View() herder.View { return w.view.get() }
