"""The REST API: endpoints translate, the application decides."""
