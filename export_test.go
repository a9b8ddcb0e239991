package muc

// NewBodies makes an empty event body of each type.
func NewBodies() []EventBody {
	list := make([]EventBody, 0, len(newBodies))
	for _, fresh := range newBodies {
		list = append(list, fresh())
	}
	return list
}
