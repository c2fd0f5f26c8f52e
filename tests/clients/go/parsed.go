package main

import "github.com/influxdata/influxdb1-client/models"

// mustPoint is a point of a measurement as the client's parser reads it.
func mustPoint(measurement string) models.Point {
	points, err := models.ParsePointsString(measurement + ",k=v f=2i 1577836800000000000")
	must(err)
	return points[0]
}
