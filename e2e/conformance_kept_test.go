package e2e

// kept are the differences from Java's answers that stay.
var kept = []difference{
	// Java's mirrors declare the keys of all connectors once more, without what the worker knows of them.
	{request: `MirrorSource(Connector)?/config`, at: `^(\.configs)?\[(connector\.plugin\.version|(key|value|header)\.converter(\.plugin\.version)?)\]`, reason: mirrorKeys},
	{request: `MirrorSource(Connector)?/config`, at: `^\[\]$`, reason: mirrorKeys},
	{request: `MirrorSource(Connector)?/config`, at: `\[exactly\.once\.support\]\.value\.visible$`, reason: mirrorKeys},
	{request: `MirrorSource(Connector)?/config`, at: `\[replication\.factor\]`, reason: "`replication.factor` may be `source`"},
	{request: `MirrorSource/config/validate`, at: `\[(replication\.policy|topic\.filter)\.class\]\.value`, reason: "Filters and replication policies of one's own: Java classes cannot be loaded."},

	{request: `PUT /connectors/s1/config`, at: `^\.message$`, reason: "A null value in a config without `connector.class` is not printed"},
	{request: `FileStreamSource/config/validate`, at: `^\.message$|\[topic\]\.value\.errors|^\.error_count$`, reason: "A null value is refused for every key of a config"},
	{request: `POST /connectors/(k1|f2)/tasks/0/restart`, at: `^\.message$`, reason: "Restarting a task of a stopped connector is a 409 that says so"},
	{request: `^PUT .* Content-Type: (garbage|application/json; x)`, at: `^$|^\{\}$|^Content-Type$`, reason: mediaType},
	{request: `^POST .* Content-Type: (garbage|application/json; x)`, at: `^\.message$|^Content-Type$`, reason: mediaType},
	{request: `Accept: application/json; charset`, at: `^Content-Type$`, reason: "The Content-Type of an answer is `application/json`, whatever parameters the request accepts."},
	{request: `GET /connectors/a%(zz|4)?$`, at: `^body$|^$|^\{\}$|^Content-Type$`, reason: "An escape that is none (`%zz`) is refused in plain text."},
	{request: `POST /connectors .*"a\{\}b"`, at: ``, reason: "A connector with braces in its name is created with a 201"},
	{request: `GET /admin/loggers$`, at: ``, reason: "Loggers have names of this program's rooms."},
}

const mediaType = "An unparsable Content-Type is a 400 with a JSON body."

const mirrorKeys = "Mirrors are validated and described as other connectors are"
