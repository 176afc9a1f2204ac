-- Where the caller was, in the words of W3C Trace Context, when the message was added; mostly nothing.
ALTER TABLE {schema}.message ADD COLUMN trace text;
